"""The questions of each lab's quiz, one module per lab, named like the lab without its number."""
