"""The command lines of measuring: arguments in, exit status out."""
