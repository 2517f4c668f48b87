import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.sql.BatchUpdateException;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLDataException;
import java.sql.SQLException;
import java.sql.SQLIntegrityConstraintViolationException;
import java.sql.Statement;
import java.sql.Types;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;

/**
 * Speaks JDBC for a process that cannot. Everything goes over standard input and output, in frames; standard error is for people.
 * PROTOCOL.md beside this file says which frames there are. It ends when its input does, whatever it is doing: what was not
 * committed then is rolled back.
 *
 * <p>One file for Java 11 or newer, without anything but the driver on the class path.
 */
public final class Bridge {
  private static final Map<Integer, Session> sessions = new ConcurrentHashMap<>();
  private static DataOutputStream out;

  public static void main(String[] args) throws Exception {
    // Drivers that print must not do it into the frames.
    out = new DataOutputStream(new FileOutputStream(FileDescriptor.out));
    System.setOut(System.err);
    DataInputStream in = new DataInputStream(new BufferedInputStream(new FileInputStream(FileDescriptor.in), 1 << 16));
    reply(0, Json.write(map("java", System.getProperty("java.version"))), null);
    try {
      for (;;) {
        int id = in.readInt();
        byte[] json = new byte[in.readInt()];
        byte[] data = new byte[in.readInt()];
        in.readFully(json);
        in.readFully(data);
        Request request = new Request(Json.read(new String(json, StandardCharsets.UTF_8)), data);
        Session session = sessions.computeIfAbsent(id, Bridge::started);
        if (request.text("op").equals("cancel")) session.cancel();
        else session.requests.add(request);
      }
    } catch (EOFException end) {
      end();
    }
  }

  private static Session started(int id) {
    Session session = new Session(id);
    Thread thread = new Thread(session, "session-" + id);
    thread.setDaemon(true);
    thread.start();
    return session;
  }

  /** A rollback said aloud: some drivers commit what is open when their connection is closed or its process ends. */
  private static void end() throws InterruptedException {
    Thread closing = new Thread(() -> {
      for (Session session : sessions.values()) session.abandon();
    });
    closing.setDaemon(true);
    closing.start();
    closing.join(2000);
    Runtime.getRuntime().halt(0);
  }

  static void forget(int id) {
    sessions.remove(id);
  }

  static void reply(int session, String json, Bytes data) {
    byte[] text = json.getBytes(StandardCharsets.UTF_8);
    byte[] head = new byte[12];
    putInt(head, 0, session);
    putInt(head, 4, text.length);
    putInt(head, 8, data == null ? 0 : data.length);
    synchronized (out) {
      try {
        out.write(head);
        out.write(text);
        if (data != null) out.write(data.array, 0, data.length);
        out.flush();
      } catch (IOException gone) {
        Runtime.getRuntime().halt(0);
      }
    }
  }

  private static void putInt(byte[] bytes, int at, int value) {
    bytes[at] = (byte) (value >>> 24);
    bytes[at + 1] = (byte) (value >>> 16);
    bytes[at + 2] = (byte) (value >>> 8);
    bytes[at + 3] = (byte) value;
  }

  static Map<String, Object> map(Object... pairs) {
    Map<String, Object> made = new LinkedHashMap<>();
    for (int i = 0; i < pairs.length; i += 2) made.put((String) pairs[i], pairs[i + 1]);
    return made;
  }

  /** One connection. Its requests are served in their order, by a thread of its own. */
  static final class Session implements Runnable {
    final LinkedBlockingQueue<Request> requests = new LinkedBlockingQueue<>();
    private final int id;
    private volatile Connection connection;
    private volatile Statement running;
    private volatile boolean busy;
    /** Nothing but closing is wanted any more. */
    private volatile boolean cancelled;
    private String product = "";
    private Cursor cursor;
    /** The isolation of before this transaction, where it has one of its own. */
    private Integer before;
    /** The transaction was begun for a query, as some drivers read row by row only within one. */
    private boolean queryOnly;

    Session(int id) {
      this.id = id;
    }

    @Override
    public void run() {
      for (;;) {
        try {
          Request request = requests.take();
          String op = request.text("op");
          busy = true;
          serve(op, request);
          busy = false;
          if (op.equals("close")) return;
        } catch (InterruptedException end) {
          return;
        }
      }
    }

    private void serve(String op, Request request) {
      try {
        if (cancelled && !op.equals("close")) throw new SQLException("cancelled", "57014");
        if (op.equals("fetch")) {
          Bytes data = new Bytes(request.number("bytes") + (request.number("bytes") >> 2));
          Map<String, Object> said = openCursor().fetch(request.number("bytes"), data);
          reply(id, Json.write(said), data);
        } else {
          reply(id, Json.write(answer(op, request)), null);
        }
      } catch (Throwable error) {
        Map<String, Object> said = Fault.said(error, product);
        if (op.equals("close")) said.put("closed", true);
        reply(id, Json.write(said), null);
      }
    }

    private Map<String, Object> answer(String op, Request request) throws Exception {
      switch (op) {
        case "open": return open(request);
        case "query": return query(request);
        case "endQuery": closeCursor(); return map();
        case "execute": return execute(request);
        case "load": return Load.into(this, connection, product, request);
        case "describe": return describe(request.text("sql"));
        case "begin": return begin(request.optional("isolation"));
        case "commit": return ended(true);
        case "rollback": return ended(false);
        case "tables": return Names.tables(connection, request);
        case "columns": return Names.columns(connection, request);
        case "keys": return Names.keys(connection, request);
        case "close": close(); return map("closed", true);
        default: throw new IllegalArgumentException("no operation " + op);
      }
    }

    private Map<String, Object> open(Request request) throws Exception {
      String driver = request.optional("driverClass");
      if (driver != null) Class.forName(driver);
      Properties properties = new Properties();
      Map<String, Object> given = request.object("properties");
      for (Map.Entry<String, Object> one : given.entrySet()) properties.setProperty(one.getKey(), (String) one.getValue());
      if (request.optional("user") != null) properties.setProperty("user", request.text("user"));
      if (request.optional("password") != null) properties.setProperty("password", request.text("password"));
      DriverManager.setLoginTimeout(request.number("loginSeconds"));
      connection = DriverManager.getConnection(request.text("url"), properties);
      DatabaseMetaData about = connection.getMetaData();
      product = String.valueOf(about.getDatabaseProductName());
      return map(
          "product", product,
          "version", String.valueOf(about.getDatabaseProductVersion()),
          "driver", about.getDriverName() + " " + about.getDriverVersion(),
          "transactions", about.supportsTransactions(),
          "catalog", current(connection::getCatalog),
          "schema", current(connection::getSchema));
    }

    private interface Asked {
      String get() throws SQLException;
    }

    private static String current(Asked asked) {
      try {
        return asked.get();
      } catch (SQLException | AbstractMethodError | UnsupportedOperationException older) {
        return null;
      }
    }

    private Map<String, Object> begin(String isolation) throws SQLException {
      if (isolation != null) {
        int level = isolation.equals("serializable") ? Connection.TRANSACTION_SERIALIZABLE : Connection.TRANSACTION_REPEATABLE_READ;
        before = connection.getTransactionIsolation();
        connection.setTransactionIsolation(level);
      }
      connection.setAutoCommit(false);
      return map();
    }

    private Map<String, Object> ended(boolean commit) throws SQLException {
      closeCursor();
      if (connection.getAutoCommit()) return map();
      if (commit) connection.commit();
      else connection.rollback();
      connection.setAutoCommit(true);
      if (before != null) connection.setTransactionIsolation(before);
      before = null;
      return map();
    }

    /** The columns of a query; it is run only where the driver cannot tell them before. */
    private Map<String, Object> describe(String sql) throws SQLException {
      try (PreparedStatement statement = connection.prepareStatement(sql)) {
        ResultSetMetaData about = null;
        try {
          about = statement.getMetaData();
        } catch (SQLException later) {
          // What is wrong with it is said when it is run.
        }
        if (about != null) return map("columns", Cursor.columns(about));
        statement.setMaxRows(1);
        running = statement;
        try (ResultSet rows = statement.executeQuery()) {
          return map("columns", Cursor.columns(rows.getMetaData()));
        }
      } finally {
        running = null;
      }
    }

    private Map<String, Object> query(Request request) throws SQLException {
      closeCursor();
      if (connection.getAutoCommit()) {
        connection.setAutoCommit(false);
        queryOnly = true;
      }
      PreparedStatement statement = null;
      try {
        statement = connection.prepareStatement(request.text("sql"), ResultSet.TYPE_FORWARD_ONLY, ResultSet.CONCUR_READ_ONLY);
        running = statement;
        bindAll(statement, request.list("parameters"));
        statement.setFetchSize(request.number("fetchSize"));
        cursor = new Cursor(statement, statement.executeQuery(), request.list("names"));
      } catch (Throwable error) {
        if (statement != null) statement.close();
        // Ends the transaction that was begun for it, too.
        closeCursor();
        throw error;
      }
      return map("columns", Cursor.columns(cursor.about));
    }

    private Map<String, Object> execute(Request request) throws SQLException {
      try (PreparedStatement statement = connection.prepareStatement(request.text("sql"))) {
        running = statement;
        bindAll(statement, request.list("parameters"));
        if (request.has("seconds")) statement.setQueryTimeout(request.number("seconds"));
        return map("count", statement.execute() ? 0 : Math.max(0, statement.getUpdateCount()));
      } finally {
        running = null;
      }
    }

    private static void bindAll(PreparedStatement statement, List<Object> parameters) throws SQLException {
      for (int i = 0; i < parameters.size(); i += 1) {
        Object value = parameters.get(i);
        if (value == null) statement.setNull(i + 1, Types.VARCHAR);
        else if (value instanceof Long) statement.setLong(i + 1, (Long) value);
        else if (value instanceof Double) statement.setDouble(i + 1, (Double) value);
        else if (value instanceof Boolean) statement.setBoolean(i + 1, (Boolean) value);
        else statement.setString(i + 1, (String) value);
      }
    }

    private Cursor openCursor() {
      if (cursor == null) throw new IllegalStateException("no query is open");
      return cursor;
    }

    private void closeCursor() throws SQLException {
      Cursor open = cursor;
      cursor = null;
      running = null;
      try {
        if (open != null) open.close();
      } finally {
        if (queryOnly) {
          queryOnly = false;
          connection.rollback();
          connection.setAutoCommit(true);
        }
      }
    }

    void runs(Statement statement) {
      running = statement;
    }

    /** Ends what runs; again and again, as a statement that is about to begin does not notice. */
    void cancel() {
      cancelled = true;
      Thread thread = new Thread(() -> {
        try {
          for (int i = 0; busy && i < 100; i += 1) {
            cancelOnce();
            Thread.sleep(50);
          }
        } catch (InterruptedException end) {
          // There is nothing more to do.
        }
      });
      thread.setDaemon(true);
      thread.start();
    }

    private void cancelOnce() {
      Statement statement = running;
      try {
        if (statement != null) statement.cancel();
      } catch (SQLException ended) {
        // It has ended by itself, or this driver cannot: the answer to the request comes either way.
      }
    }

    private void close() throws SQLException {
      forget(id);
      Connection open = connection;
      connection = null;
      if (open == null) return;
      try {
        closeCursor();
        if (!open.getAutoCommit()) open.rollback();
      } finally {
        open.close();
      }
    }

    void abandon() {
      cancelOnce();
      Connection open = connection;
      if (open == null) return;
      try {
        if (!open.getAutoCommit()) open.rollback();
        open.close();
      } catch (SQLException gone) {
        // The server rolls back what its client left.
      }
    }
  }

  /** The rows of a query, as canonical CSV. */
  static final class Cursor {
    private final Statement statement;
    private final ResultSet rows;
    final ResultSetMetaData about;
    /** The result's column for each field, from 1. */
    private final int[] places;
    private final Cell[] cells;
    private boolean ended;

    /** @param names of the columns that are wanted, in their order; none: all. */
    Cursor(Statement statement, ResultSet rows, List<Object> names) throws SQLException {
      this.statement = statement;
      this.rows = rows;
      this.about = rows.getMetaData();
      this.places = names.isEmpty() ? all(about.getColumnCount()) : named(names);
      this.cells = new Cell[places.length];
      for (int i = 0; i < cells.length; i += 1) cells[i] = Cell.of(about.getColumnType(places[i]), about.getColumnTypeName(places[i]));
    }

    private static int[] all(int count) {
      int[] places = new int[count];
      for (int i = 0; i < count; i += 1) places[i] = i + 1;
      return places;
    }

    private int[] named(List<Object> names) throws SQLException {
      int[] found = new int[names.size()];
      boolean[] taken = new boolean[about.getColumnCount() + 1];
      for (int i = 0; i < found.length; i += 1) {
        for (int place = 1; place < taken.length && found[i] == 0; place += 1)
          if (!taken[place] && about.getColumnLabel(place).equals(names.get(i))) found[i] = place;
        if (found[i] == 0) throw new SQLException("the result has no column " + names.get(i), "42S22");
        taken[found[i]] = true;
      }
      return found;
    }

    static List<Object> columns(ResultSetMetaData about) throws SQLException {
      List<Object> columns = new ArrayList<>();
      for (int i = 1; i <= about.getColumnCount(); i += 1) {
        columns.add(map(
            "name", about.getColumnLabel(i),
            "jdbc", about.getColumnType(i),
            "typeName", about.getColumnTypeName(i),
            "precision", about.getPrecision(i),
            "scale", about.getScale(i),
            "nullable", about.isNullable(i) != ResultSetMetaData.columnNoNulls,
            "generated", false));
      }
      return columns;
    }

    /** Whole records, at least one if there is one. */
    Map<String, Object> fetch(int bytes, Bytes records) throws SQLException {
      while (!ended && records.length < bytes) {
        if (!rows.next()) {
          ended = true;
          break;
        }
        int start = records.length;
        for (int i = 0; i < cells.length; i += 1) {
          if (i > 0) records.add(',');
          cells[i].write(rows, places[i], records);
        }
        // A record of a single null would be an empty line, which is no record.
        if (records.length == start) records.ascii("\"\"");
        records.add('\n');
      }
      return map("end", ended);
    }

    void close() throws SQLException {
      try {
        rows.close();
      } finally {
        statement.close();
      }
    }
  }

  /** How the values of a column become text. */
  enum Cell {
    WHOLE {
      @Override
      void write(ResultSet rows, int column, Bytes to) throws SQLException {
        long value = rows.getLong(column);
        if (value != 0 || !rows.wasNull()) to.whole(value);
      }
    },
    DECIMAL {
      @Override
      void write(ResultSet rows, int column, Bytes to) throws SQLException {
        BigDecimal value;
        try {
          value = rows.getBigDecimal(column);
        } catch (SQLException notFinite) {
          // PostgreSQL's numeric has NaN and infinities.
          to.text(rows.getString(column));
          return;
        }
        if (value != null) to.ascii(value.toPlainString());
      }
    },
    FLOATING {
      @Override
      void write(ResultSet rows, int column, Bytes to) throws SQLException {
        double value = rows.getDouble(column);
        if (value == 0 && rows.wasNull()) return;
        if (value == Math.rint(value) && Math.abs(value) < 1e15) to.whole((long) value);
        else to.ascii(Double.toString(value));
      }
    },
    SINGLE {
      @Override
      void write(ResultSet rows, int column, Bytes to) throws SQLException {
        float value = rows.getFloat(column);
        if (value == 0 && rows.wasNull()) return;
        if (value == Math.rint(value) && Math.abs(value) < 1e9) to.whole((long) value);
        else to.ascii(Float.toString(value));
      }
    },
    TRUTH {
      @Override
      void write(ResultSet rows, int column, Bytes to) throws SQLException {
        boolean value = rows.getBoolean(column);
        if (value) to.ascii("true");
        else if (!rows.wasNull()) to.ascii("false");
      }
    },
    BINARY {
      @Override
      void write(ResultSet rows, int column, Bytes to) throws SQLException {
        byte[] value = rows.getBytes(column);
        if (value != null) to.hex(value);
      }
    },
    DAY(Moment::day),
    TIME(Moment::time),
    MOMENT(Moment::local),
    INSTANT(Moment::zoned),
    TEXT(ResultSet::getString);

    private interface Text {
      /** Null for a null. */
      String of(ResultSet rows, int column) throws SQLException;
    }

    private final Text text;

    Cell(Text text) {
      this.text = text;
    }

    /** For kinds that are written by other means than a text. */
    Cell() {
      this(null);
    }

    void write(ResultSet rows, int column, Bytes to) throws SQLException {
      String value = text.of(rows, column);
      if (value != null) to.text(value);
    }

    static Cell of(int jdbc, String typeName) {
      String name = String.valueOf(typeName).toLowerCase(Locale.ROOT);
      switch (jdbc) {
        case Types.TINYINT: case Types.SMALLINT: case Types.INTEGER: return WHOLE;
        // An unsigned one is larger than a long.
        case Types.BIGINT: return name.contains("unsigned") ? TEXT : WHOLE;
        case Types.DECIMAL: case Types.NUMERIC: return DECIMAL;
        case Types.REAL: return SINGLE;
        case Types.FLOAT: case Types.DOUBLE: return FLOATING;
        // PostgreSQL calls its strings of bits so, too.
        case Types.BOOLEAN: case Types.BIT: return name.equals("varbit") ? TEXT : TRUTH;
        case Types.DATE: return DAY;
        case Types.TIME: return TIME;
        case Types.TIMESTAMP: return name.equals("timestamptz") ? INSTANT : MOMENT;
        case Types.TIMESTAMP_WITH_TIMEZONE: return INSTANT;
        // To H2 a UUID is bytes of a kind.
        case Types.BINARY: case Types.VARBINARY: case Types.LONGVARBINARY: case Types.BLOB: return name.equals("uuid") ? TEXT : BINARY;
        // Oracle's and SQL Server's own numbers for times with a zone.
        case -101: case -102: case -155: return INSTANT;
        case 100: return SINGLE;
        case 101: return FLOATING;
        default: return TEXT;
      }
    }
  }

  /** Dates and times as ISO 8601; those with a zone in UTC. Old drivers know the older of Java's classes only. */
  static final class Moment {
    static String day(ResultSet rows, int column) throws SQLException {
      try {
        LocalDate value = rows.getObject(column, LocalDate.class);
        return value == null ? null : value.toString();
      } catch (SQLException | AbstractMethodError | UnsupportedOperationException older) {
        java.sql.Date value = rows.getDate(column);
        return value == null ? null : value.toLocalDate().toString();
      }
    }

    static String time(ResultSet rows, int column) throws SQLException {
      try {
        LocalTime value = rows.getObject(column, LocalTime.class);
        return value == null ? null : clock(value);
      } catch (SQLException | AbstractMethodError | UnsupportedOperationException older) {
        return rows.getString(column);
      }
    }

    static String local(ResultSet rows, int column) throws SQLException {
      LocalDateTime value;
      try {
        value = rows.getObject(column, LocalDateTime.class);
      } catch (SQLException | AbstractMethodError | UnsupportedOperationException older) {
        java.sql.Timestamp old = rows.getTimestamp(column);
        value = old == null ? null : old.toLocalDateTime();
      }
      return value == null ? null : value.toLocalDate() + "T" + clock(value.toLocalTime());
    }

    static String zoned(ResultSet rows, int column) throws SQLException {
      OffsetDateTime value;
      try {
        value = rows.getObject(column, OffsetDateTime.class);
      } catch (SQLException | AbstractMethodError | UnsupportedOperationException older) {
        java.sql.Timestamp old = rows.getTimestamp(column);
        value = old == null ? null : old.toInstant().atOffset(ZoneOffset.UTC);
      }
      if (value == null) return null;
      if (value.equals(OffsetDateTime.MAX)) return "infinity";
      if (value.equals(OffsetDateTime.MIN)) return "-infinity";
      LocalDateTime utc = value.withOffsetSameInstant(ZoneOffset.UTC).toLocalDateTime();
      return utc.toLocalDate() + "T" + clock(utc.toLocalTime()) + "Z";
    }

    /** With seconds always, and as many digits behind them as it takes. */
    private static String clock(LocalTime time) {
      StringBuilder text = new StringBuilder(18);
      two(text, time.getHour()).append(':');
      two(text, time.getMinute()).append(':');
      two(text, time.getSecond());
      int nano = time.getNano();
      if (nano == 0) return text.toString();
      String digits = String.valueOf(1_000_000_000L + nano).substring(1);
      int end = 9;
      while (digits.charAt(end - 1) == '0') end -= 1;
      return text.append('.').append(digits, 0, end).toString();
    }

    private static StringBuilder two(StringBuilder text, int number) {
      if (number < 10) text.append('0');
      return text.append(number);
    }

    static LocalDateTime parseLocal(String text) {
      OffsetDateTime zoned = parse(text);
      return zoned.withOffsetSameInstant(ZoneOffset.UTC).toLocalDateTime();
    }

    /** A date, or a date and a time; without a zone in UTC. */
    static OffsetDateTime parse(String given) {
      String text = given.trim();
      if (text.length() > 10 && text.charAt(10) == ' ') text = text.substring(0, 10) + "T" + text.substring(11).trim();
      if (text.length() == 10) return LocalDate.parse(text).atStartOfDay().atOffset(ZoneOffset.UTC);
      if (text.endsWith("Z") || text.endsWith("z")) return Instant.parse(text).atOffset(ZoneOffset.UTC);
      int sign = Math.max(text.lastIndexOf('+'), text.lastIndexOf('-'));
      if (sign <= text.indexOf('T')) return LocalDateTime.parse(text).atOffset(ZoneOffset.UTC);
      return LocalDateTime.parse(text.substring(0, sign)).atOffset(ZoneOffset.of(text.substring(sign)));
    }
  }

  /** What the database wants at a placeholder of a statement. */
  static final class Bind {
    private final int jdbc;
    private final String typeName;
    private final boolean postgres;
    /** Whether the empty text is a value, and not null. */
    private final boolean empty;

    Bind(Map<String, Object> given, String product) {
      jdbc = ((Long) given.get("jdbc")).intValue();
      typeName = String.valueOf(given.get("typeName")).toLowerCase(Locale.ROOT);
      postgres = product.equals("PostgreSQL");
      empty = Boolean.TRUE.equals(given.get("empty"));
    }

    void set(PreparedStatement statement, int at, String text) throws SQLException {
      if (text == null || (text.isEmpty() && !empty)) {
        statement.setNull(at, jdbc);
        return;
      }
      try {
        value(statement, at, text);
      } catch (RuntimeException unfit) {
        String shown = text.length() > 60 ? text.substring(0, 60) + "..." : text;
        throw new Unfit("'" + shown + "' is no " + typeName, unfit);
      }
    }

    private void value(PreparedStatement statement, int at, String text) throws SQLException {
      switch (jdbc) {
        case Types.BIT: case Types.BOOLEAN:
          if (typeName.equals("varbit") || (typeName.equals("bit") && postgres)) statement.setObject(at, text, Types.OTHER);
          else statement.setBoolean(at, truth(text));
          return;
        case Types.TINYINT: case Types.SMALLINT: case Types.INTEGER: case Types.BIGINT:
          statement.setLong(at, whole(text.trim()));
          return;
        case Types.DECIMAL: case Types.NUMERIC:
          if (postgres && text.trim().matches("(?i)nan|-?inf.*")) statement.setObject(at, text.trim(), Types.OTHER);
          else statement.setBigDecimal(at, new BigDecimal(text.trim()));
          return;
        case Types.REAL: case Types.FLOAT: case Types.DOUBLE: case 100: case 101:
          statement.setDouble(at, floating(text.trim()));
          return;
        case Types.DATE:
          day(statement, at, text);
          return;
        case Types.TIME:
          time(statement, at, text);
          return;
        case Types.TIMESTAMP:
          moment(statement, at, text, typeName.equals("timestamptz"));
          return;
        case Types.TIMESTAMP_WITH_TIMEZONE: case -101: case -102: case -155:
          moment(statement, at, text, true);
          return;
        case Types.BINARY: case Types.VARBINARY: case Types.LONGVARBINARY: case Types.BLOB:
          if (typeName.equals("uuid")) statement.setString(at, text.trim());
          else statement.setBytes(at, bytes(text));
          return;
        case Types.CHAR: case Types.VARCHAR: case Types.LONGVARCHAR: case Types.CLOB:
          statement.setString(at, text);
          return;
        case Types.NCHAR: case Types.NVARCHAR: case Types.LONGNVARCHAR: case Types.NCLOB:
          statement.setNString(at, text);
          return;
        default:
          // A type of PostgreSQL's own (uuid, json): the server makes it of its text.
          if (postgres) statement.setObject(at, text, Types.OTHER);
          else statement.setString(at, text);
      }
    }

    private static void day(PreparedStatement statement, int at, String text) throws SQLException {
      LocalDate day = Moment.parseLocal(text).toLocalDate();
      try {
        statement.setObject(at, day);
      } catch (SQLException | AbstractMethodError older) {
        statement.setDate(at, java.sql.Date.valueOf(day));
      }
    }

    private static void time(PreparedStatement statement, int at, String text) throws SQLException {
      LocalTime time = LocalTime.parse(text.trim());
      try {
        statement.setObject(at, time);
      } catch (SQLException | AbstractMethodError older) {
        statement.setTime(at, java.sql.Time.valueOf(time));
      }
    }

    private static void moment(PreparedStatement statement, int at, String text, boolean zoned) throws SQLException {
      OffsetDateTime moment = Moment.parse(text);
      LocalDateTime local = moment.withOffsetSameInstant(ZoneOffset.UTC).toLocalDateTime();
      try {
        if (zoned) statement.setObject(at, moment);
        else statement.setObject(at, local);
      } catch (SQLException | AbstractMethodError older) {
        statement.setTimestamp(at, java.sql.Timestamp.valueOf(local));
      }
    }

    private static boolean truth(String text) {
      switch (text.trim().toLowerCase(Locale.ROOT)) {
        case "true": case "t": case "1": case "yes": case "y": case "on": case "1.0": return true;
        case "false": case "f": case "0": case "no": case "n": case "off": case "0.0": return false;
        default: throw new IllegalArgumentException();
      }
    }

    /** Numbers of models have a fraction of zero where their kind is whole. */
    private static long whole(String text) {
      try {
        return Long.parseLong(text);
      } catch (NumberFormatException fraction) {
        return new BigDecimal(text).longValueExact();
      }
    }

    private static double floating(String text) {
      switch (text.toLowerCase(Locale.ROOT)) {
        case "nan": return Double.NaN;
        case "inf": case "infinity": case "+inf": return Double.POSITIVE_INFINITY;
        case "-inf": case "-infinity": return Double.NEGATIVE_INFINITY;
        default: return Double.parseDouble(text);
      }
    }

    private static byte[] bytes(String text) {
      if (!text.startsWith("\\x") || text.length() % 2 != 0) throw new IllegalArgumentException();
      byte[] bytes = new byte[text.length() / 2 - 1];
      for (int i = 0; i < bytes.length; i += 1) {
        int high = Character.digit(text.charAt(2 * i + 2), 16);
        int low = Character.digit(text.charAt(2 * i + 3), 16);
        if (high < 0 || low < 0) throw new IllegalArgumentException();
        bytes[i] = (byte) (high << 4 | low);
      }
      return bytes;
    }
  }

  /**
   * Inserts rows by one statement, in batches. What goes wrong ends the request, and says which row it was where the driver does;
   * the caller undoes what was written.
   */
  static final class Load {
    private static final int BATCH = 1000;

    static Map<String, Object> into(Session session, Connection connection, String product, Request request) throws SQLException {
      List<Object> given = request.list("binds");
      Bind[] binds = new Bind[given.size()];
      for (int i = 0; i < binds.length; i += 1) binds[i] = new Bind(Json.object(given.get(i)), product);
      List<String[]> rows = Records.of(request.data);
      try (PreparedStatement statement = connection.prepareStatement(request.text("sql"))) {
        session.runs(statement);
        for (int from = 0; from < rows.size(); from += BATCH) {
          try {
            batch(statement, binds, rows.subList(from, Math.min(rows.size(), from + BATCH)));
          } catch (Placed unfit) {
            throw unfit.behind(from);
          } catch (BatchUpdateException failed) {
            throw Placed.of(failed, from, Math.min(rows.size(), from + BATCH) - from);
          }
        }
      } finally {
        session.runs(null);
      }
      return map("rows", rows.size());
    }

    private static void batch(PreparedStatement statement, Bind[] binds, List<String[]> rows) throws SQLException {
      for (int row = 0; row < rows.size(); row += 1) {
        String[] fields = rows.get(row);
        for (int i = 0; i < binds.length; i += 1) {
          try {
            binds[i].set(statement, i + 1, fields[i]);
          } catch (Unfit unfit) {
            throw new Placed(unfit, row);
          }
        }
        statement.addBatch();
      }
      statement.executeBatch();
    }
  }

  /** An error of one row, with its place. */
  static final class Placed extends RuntimeException {
    private static final long serialVersionUID = 1L;
    /** Among the rows of the request; -1 where nobody knows. */
    final int row;

    Placed(Exception cause, int row) {
      super(cause.getMessage(), cause);
      this.row = row;
    }

    Placed behind(int rows) {
      return new Placed((Exception) getCause(), row + rows);
    }

    /** Drivers that stop at the first bad row count those before it, others mark those that failed, and some mark all. */
    static Placed of(BatchUpdateException failed, int from, int size) {
      int[] counts = failed.getUpdateCounts();
      if (counts != null && counts.length < size) return new Placed(failed, from + counts.length);
      int first = -1;
      int marked = 0;
      for (int i = 0; counts != null && i < counts.length; i += 1) {
        if (counts[i] != Statement.EXECUTE_FAILED) continue;
        marked += 1;
        if (first < 0) first = i;
      }
      return new Placed(failed, marked > 0 && (marked < size || size == 1) ? from + first : -1);
    }
  }

  /** A value that is none of its column's type: the row is refused before the database sees it. */
  static final class Unfit extends RuntimeException {
    private static final long serialVersionUID = 1L;
    Unfit(String message, Throwable cause) {
      super(message, cause);
    }
  }

  /** What went wrong, for the other side. */
  static final class Fault {
    static Map<String, Object> said(Throwable given, String product) {
      Throwable error = given instanceof Placed ? given.getCause() : given;
      SQLException sql = sqlOf(error);
      String state = sql == null ? null : sql.getSQLState();
      return map("error", map(
          "message", messageOf(error),
          "class", error.getClass().getName(),
          "sqlState", error instanceof Unfit ? "22018" : state,
          "vendorCode", sql == null ? 0 : sql.getErrorCode(),
          "ofRow", isOfRow(error, product),
          "row", given instanceof Placed && ((Placed) given).row >= 0 ? ((Placed) given).row : null));
    }

    /** The text of the cause that a failed batch hides. */
    private static String messageOf(Throwable error) {
      Throwable at = error;
      if (at instanceof BatchUpdateException && ((SQLException) at).getNextException() != null) at = ((SQLException) at).getNextException();
      String text = at.getMessage();
      return text == null || text.isEmpty() ? at.getClass().getSimpleName() : text;
    }

    private static SQLException sqlOf(Throwable error) {
      SQLException found = null;
      for (Throwable at = error; at != null; at = at.getCause()) {
        if (at instanceof SQLException) {
          found = (SQLException) at;
          break;
        }
      }
      // The exception behind the first knows the state.
      if (found instanceof BatchUpdateException && found.getNextException() != null) return found.getNextException();
      return found;
    }

    /** Whether a row alone is to blame: a value that does not fit, or a constraint. */
    static boolean isOfRow(Throwable error, String product) {
      if (error instanceof Unfit) return true;
      for (SQLException at = sqlOf(error); at != null; at = at.getNextException()) {
        if (at instanceof SQLDataException || at instanceof SQLIntegrityConstraintViolationException) return true;
        String state = at.getSQLState();
        if (state != null && (state.startsWith("22") || state.startsWith("23"))) return true;
        int code = at.getErrorCode();
        // Too long, too large, null where none may be: Oracle's and SQL Server's words for it.
        if (product.equals("Oracle") && (code == 12899 || code == 1438 || code == 1400 || code == 1 || code == 2290)) return true;
        if (product.startsWith("Microsoft SQL") && (code == 2628 || code == 8152 || code == 8115 || code == 515 || code == 547)) return true;
      }
      return false;
    }
  }

  /** What the database has: tables, columns, keys. Names are given as they are stored, and matched whole. */
  static final class Names {
    static Map<String, Object> tables(Connection connection, Request request) throws SQLException {
      DatabaseMetaData about = connection.getMetaData();
      List<Object> tables = new ArrayList<>();
      String name = request.optional("table");
      try (ResultSet rows = about.getTables(request.optional("catalog"), pattern(about, request.optional("schema")), pattern(about, name), null)) {
        while (rows.next()) {
          tables.add(map(
              "catalog", rows.getString("TABLE_CAT"),
              "schema", rows.getString("TABLE_SCHEM"),
              "name", rows.getString("TABLE_NAME"),
              "type", rows.getString("TABLE_TYPE")));
        }
      }
      return map("tables", tables);
    }

    static Map<String, Object> columns(Connection connection, Request request) throws SQLException {
      DatabaseMetaData about = connection.getMetaData();
      List<Object> columns = new ArrayList<>();
      try (ResultSet rows = about.getColumns(
          request.optional("catalog"), pattern(about, request.optional("schema")), pattern(about, request.text("table")), "%")) {
        while (rows.next()) {
          columns.add(map(
              "name", rows.getString("COLUMN_NAME"),
              "jdbc", rows.getInt("DATA_TYPE"),
              "typeName", rows.getString("TYPE_NAME"),
              "precision", rows.getInt("COLUMN_SIZE"),
              "scale", rows.getInt("DECIMAL_DIGITS"),
              "nullable", rows.getInt("NULLABLE") != DatabaseMetaData.columnNoNulls,
              "generated", generated(rows)));
        }
      }
      return map("columns", columns);
    }

    private static boolean generated(ResultSet rows) {
      try {
        return "YES".equals(rows.getString("IS_GENERATEDCOLUMN"));
      } catch (SQLException older) {
        return false;
      }
    }

    static Map<String, Object> keys(Connection connection, Request request) throws SQLException {
      DatabaseMetaData about = connection.getMetaData();
      String catalog = request.optional("catalog");
      String schema = request.optional("schema");
      String table = request.text("table");
      Map<Integer, String> primary = new TreeMap<>();
      try (ResultSet rows = about.getPrimaryKeys(catalog, schema, table)) {
        while (rows.next()) primary.put(rows.getInt("KEY_SEQ"), rows.getString("COLUMN_NAME"));
      }
      Map<String, List<Object>> unique = new LinkedHashMap<>();
      try (ResultSet rows = about.getIndexInfo(catalog, schema, table, true, true)) {
        while (rows.next()) {
          String column = rows.getString("COLUMN_NAME");
          if (column != null && !rows.getBoolean("NON_UNIQUE"))
            unique.computeIfAbsent(rows.getString("INDEX_NAME"), index -> new ArrayList<>()).add(column);
        }
      } catch (SQLException unsupported) {
        // Views and some databases have no indexes to speak of.
      }
      return map("primary", new ArrayList<Object>(primary.values()), "unique", new ArrayList<Object>(unique.values()));
    }

    /** A name, and not what its underscores would stand for. */
    private static String pattern(DatabaseMetaData about, String name) throws SQLException {
      if (name == null) return null;
      String escape = about.getSearchStringEscape();
      if (escape == null || escape.isEmpty()) return name;
      return name.replace(escape, escape + escape).replace("_", escape + "_").replace("%", escape + "%");
    }
  }

  /** Canonical CSV: commas, quotes, LF; an empty unquoted field is null. */
  static final class Records {
    static List<String[]> of(byte[] bytes) {
      List<String[]> records = new ArrayList<>();
      List<String> fields = new ArrayList<>();
      int at = 0;
      while (at < bytes.length) {
        int start = at;
        boolean quoted = bytes[at] == '"';
        boolean doubled = false;
        if (quoted) {
          for (at += 1; bytes[at] != '"' || (at + 1 < bytes.length && bytes[at + 1] == '"'); at += 1) {
            if (bytes[at] == '"') {
              doubled = true;
              at += 1;
            }
          }
          String text = new String(bytes, start + 1, at - start - 1, StandardCharsets.UTF_8);
          fields.add(doubled ? text.replace("\"\"", "\"") : text);
          at += 1;
        } else {
          while (bytes[at] != ',' && bytes[at] != '\n') at += 1;
          fields.add(at == start ? null : new String(bytes, start, at - start, StandardCharsets.UTF_8));
        }
        boolean last = bytes[at] == '\n';
        at += 1;
        if (last) {
          records.add(fields.toArray(new String[0]));
          fields.clear();
        }
      }
      return records;
    }
  }

  /** Bytes that grow. */
  static final class Bytes {
    byte[] array;
    int length;

    Bytes(int room) {
      array = new byte[Math.max(64, room)];
    }

    private void room(int more) {
      if (length + more > array.length) array = Arrays.copyOf(array, Math.max(length + more, array.length * 2));
    }

    void add(int one) {
      room(1);
      array[length++] = (byte) one;
    }

    void ascii(String text) {
      int count = text.length();
      room(count);
      for (int i = 0; i < count; i += 1) array[length + i] = (byte) text.charAt(i);
      length += count;
    }

    void whole(long value) {
      if (value == Long.MIN_VALUE) {
        ascii(Long.toString(value));
        return;
      }
      room(20);
      long left = value;
      if (left < 0) {
        array[length++] = '-';
        left = -left;
      }
      int digits = 1;
      for (long limit = 10; digits < 19 && left >= limit; limit *= 10) digits += 1;
      for (int i = length + digits - 1; i >= length; i -= 1) {
        array[i] = (byte) ('0' + left % 10);
        left /= 10;
      }
      length += digits;
    }

    void hex(byte[] bytes) {
      room(2 + bytes.length * 2);
      array[length++] = '\\';
      array[length++] = 'x';
      for (byte one : bytes) {
        array[length++] = (byte) Character.forDigit(one >> 4 & 15, 16);
        array[length++] = (byte) Character.forDigit(one & 15, 16);
      }
    }

    /** One field; in quotes where it must be, and where it is empty. */
    void text(String text) {
      int count = text.length();
      boolean plain = count > 0;
      boolean quoted = count == 0;
      for (int i = 0; i < count; i += 1) {
        char c = text.charAt(i);
        if (c == ',' || c == '"' || c == '\n' || c == '\r') quoted = true;
        else if (c >= 128) plain = false;
      }
      if (plain && !quoted) {
        ascii(text);
        return;
      }
      byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
      if (!quoted) {
        room(bytes.length);
        System.arraycopy(bytes, 0, array, length, bytes.length);
        length += bytes.length;
        return;
      }
      room(bytes.length * 2 + 2);
      array[length++] = '"';
      for (byte one : bytes) {
        array[length++] = one;
        if (one == '"') array[length++] = one;
      }
      array[length++] = '"';
    }
  }

  /** What the other side wants. */
  static final class Request {
    private final Map<String, Object> fields;
    final byte[] data;

    Request(Object json, byte[] data) {
      this.fields = Json.object(json);
      this.data = data;
    }

    boolean has(String name) {
      return fields.get(name) != null;
    }

    String text(String name) {
      String value = (String) fields.get(name);
      if (value == null) throw new IllegalArgumentException("the request has no " + name);
      return value;
    }

    String optional(String name) {
      return (String) fields.get(name);
    }

    int number(String name) {
      return ((Long) fields.get(name)).intValue();
    }

    @SuppressWarnings("unchecked")
    List<Object> list(String name) {
      Object value = fields.get(name);
      return value == null ? Collections.emptyList() : (List<Object>) value;
    }

    Map<String, Object> object(String name) {
      Object value = fields.get(name);
      return value == null ? Collections.emptyMap() : Json.object(value);
    }
  }

  /** As much JSON as the frames need. Whole numbers are Long, others Double. */
  static final class Json {
    private final String text;
    private int at;

    private Json(String text) {
      this.text = text;
    }

    static Object read(String text) {
      Json json = new Json(text);
      return json.value();
    }

    @SuppressWarnings("unchecked")
    static Map<String, Object> object(Object value) {
      return (Map<String, Object>) value;
    }

    private Object value() {
      space();
      char c = text.charAt(at);
      if (c == '{') return object();
      if (c == '[') return array();
      if (c == '"') return string();
      int start = at;
      while (at < text.length() && ",]} \n\r\t".indexOf(text.charAt(at)) < 0) at += 1;
      String word = text.substring(start, at);
      switch (word) {
        case "null": return null;
        case "true": return Boolean.TRUE;
        case "false": return Boolean.FALSE;
        default: return word.matches("-?\\d{1,18}") ? (Object) Long.valueOf(word) : (Object) Double.valueOf(word);
      }
    }

    private Map<String, Object> object() {
      Map<String, Object> made = new LinkedHashMap<>();
      at += 1;
      for (space(); text.charAt(at) != '}'; space()) {
        if (text.charAt(at) == ',') {
          at += 1;
          space();
        }
        String name = string();
        space();
        at += 1;
        made.put(name, value());
      }
      at += 1;
      return made;
    }

    private List<Object> array() {
      List<Object> made = new ArrayList<>();
      at += 1;
      for (space(); text.charAt(at) != ']'; space()) {
        if (text.charAt(at) == ',') at += 1;
        made.add(value());
      }
      at += 1;
      return made;
    }

    private String string() {
      StringBuilder made = new StringBuilder();
      for (at += 1; text.charAt(at) != '"'; at += 1) {
        char c = text.charAt(at);
        if (c != '\\') {
          made.append(c);
          continue;
        }
        at += 1;
        switch (text.charAt(at)) {
          case 'n': made.append('\n'); break;
          case 'r': made.append('\r'); break;
          case 't': made.append('\t'); break;
          case 'b': made.append('\b'); break;
          case 'f': made.append('\f'); break;
          case 'u':
            made.append((char) Integer.parseInt(text.substring(at + 1, at + 5), 16));
            at += 4;
            break;
          default: made.append(text.charAt(at));
        }
      }
      at += 1;
      return made.toString();
    }

    private void space() {
      while (at < text.length() && text.charAt(at) <= ' ') at += 1;
    }

    static String write(Object value) {
      StringBuilder to = new StringBuilder();
      write(value, to);
      return to.toString();
    }

    private static void write(Object value, StringBuilder to) {
      if (value instanceof Map) {
        String between = "{";
        for (Map.Entry<?, ?> one : ((Map<?, ?>) value).entrySet()) {
          to.append(between);
          quoted((String) one.getKey(), to);
          to.append(':');
          write(one.getValue(), to);
          between = ",";
        }
        to.append(between.equals("{") ? "{}" : "}");
      } else if (value instanceof List) {
        String between = "[";
        for (Object one : (List<?>) value) {
          to.append(between);
          write(one, to);
          between = ",";
        }
        to.append(between.equals("[") ? "[]" : "]");
      } else if (value instanceof String) {
        quoted((String) value, to);
      } else {
        to.append(value);
      }
    }

    private static void quoted(String text, StringBuilder to) {
      to.append('"');
      for (int i = 0; i < text.length(); i += 1) {
        char c = text.charAt(i);
        if (c == '"' || c == '\\') to.append('\\').append(c);
        else if (c < ' ' || Character.isSurrogate(c) || c == '\u007f') to.append(String.format("\\u%04x", (int) c));
        else to.append(c);
      }
      to.append('"');
    }
  }
}
