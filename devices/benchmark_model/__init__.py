"""benchmark_model"""
