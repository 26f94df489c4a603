"""output_files"""
