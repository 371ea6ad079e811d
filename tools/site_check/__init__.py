"""Serve the built site, open it in Chromium and measure it: `make site-check`.

The browser tests in `tests/browser` use the same server, the same browser and the same list of pages.
"""
