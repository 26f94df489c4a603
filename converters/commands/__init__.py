"""The command lines of converting: arguments in, exit status out."""
