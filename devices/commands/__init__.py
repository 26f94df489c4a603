"""The command line of the boards: arguments in, exit status out."""
