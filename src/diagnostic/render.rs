//! Draws findings: for people (with the text and a caret), short (one line each), and as JSON.
