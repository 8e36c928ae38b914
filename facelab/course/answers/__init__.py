"""What a lab goes on with while an exercise is open: one module per lab, named like its quiz."""
