"""figure"""
