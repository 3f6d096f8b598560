"""From what the files say to what the components take."""
