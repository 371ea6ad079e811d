"""What the pages need to run Python: the files, the bundle, the cells."""
