"""The exercises in the published page: what Python in the page is made of, and what it is licensed under.

``docs/adr/0013-exercises-in-the-page.md`` says what is chosen and why.
"""
