"""Does this image classifier look at shape or at texture?"""
