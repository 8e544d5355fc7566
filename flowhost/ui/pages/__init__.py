"""One module per page; each registers itself when asked, never at import."""
