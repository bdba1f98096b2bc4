// The JDBC driver describes the views, prepares statements, reads in portions and cancels.

import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Types;
import java.time.LocalDate;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.postgresql.util.PGInterval;
import org.postgresql.util.PGobject;

public class Jdbc {
    static void check(boolean holds, Object found) {
        if (!holds) {
            throw new AssertionError(String.valueOf(found));
        }
    }

    static List<String> column(ResultSet rows, String name) throws SQLException {
        List<String> values = new ArrayList<>();
        while (rows.next()) {
            values.add(rows.getString(name));
        }
        return values;
    }

    static void describes(Connection connection) throws SQLException {
        DatabaseMetaData meta = connection.getMetaData();
        check(meta.getDatabaseProductName().equals("PostgreSQL"), meta.getDatabaseProductName());
        List<String> views = column(meta.getTables(null, "public", "%", new String[] {"VIEW"}), "TABLE_NAME");
        check(views.containsAll(List.of("usage", "meter_tokens", "engine")), views);
        ResultSet columns = meta.getColumns(null, "public", "usage", "%");
        List<String> found = new ArrayList<>();
        while (columns.next()) {
            found.add(columns.getString("COLUMN_NAME") + " " + columns.getString("TYPE_NAME"));
        }
        check(found.subList(0, 3).equals(List.of("tenant text", "meter text", "window_start timestamptz")), found);
        check(column(meta.getSchemas(), "TABLE_SCHEM").contains("public"), "schemas");
        check(column(meta.getPrimaryKeys(null, "public", "usage"), "COLUMN_NAME").isEmpty(), "primary keys");
        check(column(meta.getImportedKeys(null, "public", "usage"), "FKCOLUMN_NAME").isEmpty(), "foreign keys");
        check(column(meta.getIndexInfo(null, "public", "usage", false, false), "INDEX_NAME").isEmpty(), "indexes");
        check(column(meta.getFunctions(null, "public", "%"), "FUNCTION_NAME").isEmpty(), "functions");
    }

    // The driver goes over to binary after a few executions.
    static void prepares(Connection connection) throws SQLException {
        String sql = "select tenant, value, window_start, final, revision from usage"
            + " where tenant = ? and value > ? and window_start < ? order by value";
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            for (int time = 0; time < 8; time++) {
                statement.setString(1, "acme");
                statement.setInt(2, 30);
                statement.setObject(3, OffsetDateTime.parse("2026-11-23T11:40:00Z"));
                ResultSet rows = statement.executeQuery();
                check(rows.next() && rows.getBigDecimal(2).compareTo(new BigDecimal(31)) == 0, "value");
                check(rows.getObject(3, OffsetDateTime.class).toInstant().toString().equals("2026-11-23T11:30:00Z"), "time");
                int count = 1;
                while (rows.next()) {
                    count++;
                }
                check(count == 10, count);
            }
        }
        String types = "select 1::smallint, 2::int, 3::bigint, 1.5::real, 2.5::float8, 1.25::numeric(10, 2), 'x'::text,"
            + " true, date '2026-01-02', interval '1 day', array[1, 2]";
        try (PreparedStatement statement = connection.prepareStatement(types)) {
            for (int time = 0; time < 8; time++) {
                ResultSet row = statement.executeQuery();
                check(row.next(), "a row");
                List<String> found = new ArrayList<>();
                for (int at = 1; at <= 9; at++) {
                    found.add(String.valueOf(row.getObject(at)));
                }
                check(found.equals(List.of("1", "2", "3", "1.5", "2.5", "1.25", "x", "true", "2026-01-02")), found);
                check(row.getObject(10).toString().startsWith("0 years 0 mons 1 days"), row.getObject(10));
                check(Arrays.equals((Object[]) row.getArray(11).getArray(), new Object[] {1L, 2L}), "array");
            }
        }
        try (PreparedStatement statement = connection.prepareStatement("select count(*) from usage where tenant = any(?)")) {
            statement.setArray(1, connection.createArrayOf("text", new String[] {"globex"}));
            ResultSet rows = statement.executeQuery();
            check(rows.next() && rows.getLong(1) == 1, "any");
        }
        try (PreparedStatement statement = connection.prepareStatement("select count(*) from usage where tenant = ?")) {
            statement.setNull(1, Types.VARCHAR);
            ResultSet rows = statement.executeQuery();
            check(rows.next() && rows.getLong(1) == 0, "null");
        }
    }

    // Each type goes there and comes back; in binary, if the connection has that, after a few executions.
    static void goesThereAndBack(Connection connection) throws SQLException {
        PGobject json = new PGobject();
        json.setType("jsonb");
        json.setValue("{\"a\": 1}");
        UUID uuid = new UUID(0, 5);
        OffsetDateTime time = OffsetDateTime.parse("2026-01-02T03:04:05.678901Z");
        Map<String, Object> values = Map.ofEntries(
            Map.entry("?::smallint", (short) 7), Map.entry("?::int", 41), Map.entry("?::bigint", 1L << 40),
            Map.entry("?::numeric(20, 5)", new BigDecimal("123.45678")), Map.entry("?::float8", 1.5), Map.entry("?::real", 1.5f),
            Map.entry("?::text", "h\u00e9"), Map.entry("?::bool", true), Map.entry("?::date", LocalDate.parse("2026-01-02")),
            Map.entry("?::timestamptz", time), Map.entry("?::interval", new PGInterval(0, 0, 1, 2, 0, 5)),
            Map.entry("?::uuid", uuid), Map.entry("?::jsonb", json));
        for (Map.Entry<String, Object> each : values.entrySet()) {
            Object value = each.getValue();
            try (PreparedStatement statement = connection.prepareStatement("select " + each.getKey())) {
                for (int execution = 0; execution < 8; execution++) {
                    statement.setObject(1, value);
                    ResultSet row = statement.executeQuery();
                    check(row.next(), "a row");
                    Object found = value instanceof OffsetDateTime || value instanceof LocalDate ? row.getObject(1, value.getClass())
                        : value instanceof PGInterval || value instanceof BigDecimal ? row.getObject(1) : row.getString(1);
                    String told = value instanceof OffsetDateTime ? ((OffsetDateTime) found).toInstant().toString() : found.toString();
                    String expect = value instanceof OffsetDateTime ? time.toInstant().toString()
                        : value instanceof Boolean ? "t" : value.toString();
                    check(told.equals(expect), each.getKey() + " " + told + " after " + execution);
                }
            }
        }
        try (PreparedStatement statement = connection.prepareStatement("select ?::int[], ?::text[], ? = any(?)")) {
            for (int execution = 0; execution < 8; execution++) {
                statement.setArray(1, connection.createArrayOf("int4", new Integer[] {1, 2}));
                statement.setArray(2, connection.createArrayOf("text", new String[] {"a,b", null}));
                statement.setObject(3, uuid);
                statement.setArray(4, connection.createArrayOf("uuid", new UUID[] {uuid}));
                ResultSet row = statement.executeQuery();
                check(row.next() && row.getBoolean(3), "a UUID among UUIDs");
                check(Arrays.equals((Object[]) row.getArray(1).getArray(), new Object[] {1, 2}), row.getString(1));
                check(Arrays.equals((Object[]) row.getArray(2).getArray(), new Object[] {"a,b", null}), row.getString(2));
            }
        }
    }

    // By their own types, alone and taken out of each other.
    static void namesTypes(Connection connection) throws SQLException {
        UUID uuid = new UUID(0, 5);
        String sql = "select ?::uuid, '{\"a\": 1}'::jsonb, '[1]'::json, '{\"a\": [1]}'::jsonb -> 'a'";
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            for (int execution = 0; execution < 8; execution++) {
                statement.setObject(1, uuid);
                ResultSet row = statement.executeQuery();
                check(row.next() && row.getObject(1).equals(uuid), row.getObject(1));
                List<String> found = new ArrayList<>();
                for (int at = 2; at <= 4; at++) {
                    PGobject value = (PGobject) row.getObject(at);
                    found.add(value.getType() + " " + value.getValue());
                }
                check(found.equals(List.of("jsonb {\"a\": 1}", "json [1]", "jsonb [1]")), found);
            }
        }
        try (Statement statement = connection.createStatement()) {
            statement.executeQuery("select 'x'::uuid");
            check(false, "it is none");
        } catch (SQLException error) {
            check("22P02".equals(error.getSQLState()) && error.getMessage().contains("\"x\""), error);
        }
        OffsetDateTime time = OffsetDateTime.parse("2026-11-23T11:30:00Z");
        sql = "select count(*) from usage where tenant = 'acme' and window_start = any(?)";
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            for (int execution = 0; execution < 8; execution++) {
                statement.setArray(1, connection.createArrayOf("timestamptz", new Object[] {time, time.plusMinutes(1)}));
                ResultSet rows = statement.executeQuery();
                check(rows.next() && rows.getLong(1) == 2, "two minutes");
            }
        }
    }

    static void readsInPortions(Connection connection) throws SQLException {
        connection.setAutoCommit(false);
        try (Statement first = connection.createStatement(); Statement second = connection.createStatement()) {
            first.setFetchSize(10);
            second.setFetchSize(7);
            ResultSet one = first.executeQuery("select v from generate_series(1, 1000) s(v)");
            ResultSet two = second.executeQuery("select v from generate_series(1, 1000) s(v)");
            long sum = 0;
            while (one.next() && two.next()) {
                sum += one.getLong(1) + two.getLong(1);
            }
            check(sum == 2 * 500500, sum);
        }
        connection.commit();
        connection.setAutoCommit(true);
    }

    static void cancels(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.setQueryTimeout(1);
            statement.executeQuery("select count(*) from generate_series(1, 100000000000)");
            check(false, "it does not end by itself");
        } catch (SQLException error) {
            check("57014".equals(error.getSQLState()), error);
        }
        check(connection.isValid(5), "it goes on");
    }

    public static void main(String[] arguments) throws SQLException {
        String url = "jdbc:postgresql://127.0.0.1:" + System.getenv("PGPORT") + "/tenantry?sslmode=require"
            + "&channelBinding=require";
        try (Connection connection = DriverManager.getConnection(url, System.getenv("PGUSER"), System.getenv("PGPASSWORD"))) {
            describes(connection);
            prepares(connection);
            goesThereAndBack(connection);
            namesTypes(connection);
            readsInPortions(connection);
            cancels(connection);
        }
        String asText = url + "&binaryTransfer=false";
        try (Connection connection = DriverManager.getConnection(asText, System.getenv("PGUSER"), System.getenv("PGPASSWORD"))) {
            prepares(connection);
            goesThereAndBack(connection);
            namesTypes(connection);
        }
    }
}
