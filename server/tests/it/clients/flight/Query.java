import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;

/** What a JDBC tool does: log in, list, look at columns, ask, bind, and be refused. */
public class Query {
    private static String url;

    public static void main(String[] arguments) throws Exception {
        url = "jdbc:arrow-flight-sql://127.0.0.1:" + arguments[0] + "/?useEncryption=false";
        String acme = arguments[1];
        try (Connection connection = login("acme", acme)) {
            lists(connection.getMetaData());
            asks(connection);
        }
        Properties token = new Properties();
        token.put("token", acme);
        try (Connection connection = DriverManager.getConnection(url, token)) {
            expect("3", one(connection, "select count(*) from events"));
        }
        refused("API key", () -> login("acme", acme.substring(0, acme.length() - 4) + "0000"));
        refused("belongs to acme", () -> login("globex", acme));
    }

    private static Connection login(String user, String key) throws SQLException {
        Properties properties = new Properties();
        properties.put("user", user);
        properties.put("password", key);
        return DriverManager.getConnection(url, properties);
    }

    private static void lists(DatabaseMetaData data) throws SQLException {
        expect("Tenantry", data.getDatabaseProductName());
        expect("[tenantry]", column(data.getCatalogs(), "TABLE_CAT").toString());
        expect("[public]", column(data.getSchemas(), "TABLE_SCHEM").toString());
        expect("[VIEW]", column(data.getTableTypes(), "TABLE_TYPE").toString());
        List<String> tables = column(data.getTables(null, null, "%", null), "TABLE_NAME");
        if (!tables.contains("usage") || tables.contains("engine_shards")) {
            throw new AssertionError(tables);
        }
        expect("[usage, usage_total]", column(data.getTables("tenantry", "public", "usage%", null), "TABLE_NAME").toString());
        List<String> columns = column(data.getColumns(null, "public", "events", "%"), "COLUMN_NAME");
        expect("[tenant, id, source, type]", columns.subList(0, 4).toString());
        List<String> types = column(data.getColumns(null, null, "events", "time"), "TYPE_NAME");
        if (types.size() != 1 || !types.get(0).startsWith("TIMESTAMP")) {
            throw new AssertionError(types);
        }
        expect("[]", column(data.getPrimaryKeys(null, null, "events"), "COLUMN_NAME").toString());
        expect("[]", column(data.getExportedKeys(null, null, "events"), "FKTABLE_NAME").toString());
        expect("[]", column(data.getImportedKeys(null, null, "events"), "PKTABLE_NAME").toString());
        expect("true", Boolean.toString(data.isReadOnly()));
    }

    private static void asks(Connection connection) throws SQLException {
        expect("acme", one(connection, "select distinct tenant from events"));
        expect("1.5", one(connection, "select cast(1.5 as decimal(3, 1))"));
        try (PreparedStatement statement = connection.prepareStatement("select id, time from events where id = ?")) {
            for (int number = 0; number < 3; number++) {
                statement.setString(1, "acme-" + number);
                try (ResultSet rows = statement.executeQuery()) {
                    if (!rows.next()) {
                        throw new AssertionError("no row for parameter " + number);
                    }
                    expect("acme-" + number, rows.getString(1));
                    if (rows.getTimestamp(2) == null || rows.next()) {
                        throw new AssertionError("expected one row with a time");
                    }
                }
            }
        }
        refused("SQL only reads", () -> connection.createStatement().executeUpdate("create table t (a int)"));
        refused("nothing", () -> one(connection, "select nothing from events"));
    }

    private static String one(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery(sql)) {
            rows.next();
            return rows.getString(1);
        }
    }

    private static List<String> column(ResultSet rows, String name) throws SQLException {
        List<String> found = new ArrayList<>();
        try (rows) {
            while (rows.next()) {
                found.add(rows.getString(name));
            }
        }
        return found;
    }

    private static void expect(String expected, String found) {
        if (!expected.equals(found)) {
            throw new AssertionError("expected " + expected + ", found " + found);
        }
    }

    private interface Act {
        void run() throws SQLException;
    }

    private static void refused(String word, Act act) {
        try {
            act.run();
        } catch (SQLException error) {
            StringBuilder told = new StringBuilder();
            for (Throwable cause = error; cause != null; cause = cause.getCause()) {
                told.append(cause.getMessage()).append('\n');
            }
            if (!told.toString().contains(word)) {
                throw new AssertionError("not " + word + ": " + told, error);
            }
            return;
        }
        throw new AssertionError("expected to be refused: " + word);
    }
}
