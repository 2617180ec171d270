"""What an Image is made of: base, wheels, layers, configuration; and the files that hold one."""
