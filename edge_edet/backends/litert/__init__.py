"""litert"""
