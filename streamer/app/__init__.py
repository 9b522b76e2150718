"""The composition root: adapters are built here and handed to loops, a module per thing that people ask for.

Rule: only this package sees both adapters and loops. Importing it imports nothing, so that whoever wants one of its
modules pays for that one alone.
"""
