"""The made-up account: who its customers are, what they agreed to and used, and its books. No JSON, no HTTP."""
