"""How functions are put together from stores, documents and queues; nothing here decides."""
