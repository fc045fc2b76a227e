from looking import chromium

__all__ = ["chromium"]
