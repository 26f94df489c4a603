"""The command lines of the converters: arguments in, exit status out."""
