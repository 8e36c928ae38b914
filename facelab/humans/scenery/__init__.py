"""Photos composed of many people: places, bodies, distractors, light and camera."""
