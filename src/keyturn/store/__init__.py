"""The store: tables, one module of queries per noun, migrations, the vault."""
