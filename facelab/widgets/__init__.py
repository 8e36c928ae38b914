"""Things to move: one module of widgets per lab, each with a picture where there is no kernel."""
