"""Recipes: losses, measures and pictures of each kind of model."""
