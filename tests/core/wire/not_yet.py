"""Fixtures that are recorded but not read yet: name, or name and turn, and why.

By what is asked of them: whose turn it is, what was said, where (`whence`), which tools were called. The tests of
test_fixtures.py must fail for these, so a dialect that is added takes its names out of here.
"""

NOT_YET: dict[str, dict[str, str]] = {
    "whose": {},
    "said": {},
    "whence": {},
    "called": {},
}
