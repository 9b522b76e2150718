"""How soon a spike is found, and how often one is found that is none: the shipped rule beside the ideal and the peers.

All of it is simulated: nobody had real verdict streams. A series is hours with a true share and a number of
conversations; incidents multiply the odds of a hit.
"""
