"""ADBC lists the views, tells their schema and reads rows and parameters."""

from decimal import Decimal

import adbc_driver_postgresql.dbapi as adbc
import pyarrow as pa

with adbc.connect("postgresql://", autocommit=True) as connection:
    with connection.cursor() as cursor:
        cursor.execute("select * from usage order by tenant, window_start")
        table = cursor.fetch_arrow_table()
        assert table.num_rows == 61
        assert table.schema.field("window_start").type == pa.timestamp("us", tz="UTC"), table.schema
        assert table.schema.field("revision").type == pa.int64() and table.schema.field("final").type == pa.bool_()
        assert Decimal(table.column("value")[0].as_py()) == 1
        cursor.execute("select tenant, value from usage where tenant = $1", ["globex"])
        assert [(tenant, Decimal(value)) for tenant, value in cursor.fetchall()] == [("globex", Decimal(100))]
        cursor.execute("select tenant from tenants where false")
        assert cursor.fetch_arrow_table().num_rows == 0
    assert connection.adbc_get_table_schema("usage").names[0] == "tenant"
    catalogs = connection.adbc_get_objects(depth="tables", catalog_filter="tenantry").read_all().to_pylist()
    schemas = {schema["db_schema_name"] for schema in catalogs[0]["catalog_db_schemas"]}
    assert "public" in schemas, schemas
