"""The grader: reads submissions, runs them in a sandbox, marks what comes back, and reports."""
