"""A stranger's SQL: it runs in processes that can do nothing but read, and can be killed."""
