"""Who people are and how a photo shows them: identity, age, look, view, light."""
