"""Layers that respect turns and mirrors of images, and how well they do."""
