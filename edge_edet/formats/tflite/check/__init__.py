"""What a `.tflite` must hold to before a C++ runtime sees it: a table of operators, and their rules."""
