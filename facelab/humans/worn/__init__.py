"""What people wear, hold and are made of below the head: meshes fitted on anyone."""
