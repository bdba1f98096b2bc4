// pgx asks a node in each of its five ways of sending a statement: every answer is what Postgres would give.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"reflect"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
)

var since = time.Date(2026, 11, 23, 11, 30, 0, 0, time.UTC)

// By the first three parameters are described before they are sent; by the fourth they have the types of Go; by the last they
// stand in the text.
var modes = []pgx.QueryExecMode{
	pgx.QueryExecModeCacheStatement,
	pgx.QueryExecModeCacheDescribe,
	pgx.QueryExecModeDescribeExec,
	pgx.QueryExecModeExec,
	pgx.QueryExecModeSimpleProtocol,
}

type question struct {
	sql        string
	parameters []any
	expect     any
}

func of(sql string, expect any, parameters ...any) question {
	return question{sql, parameters, expect}
}

var questions = []question{
	of("select count(*) from (select tenant from tenants limit $1) as t", int64(2), 2),
	of("select tenant from tenants order by 1 limit $1 offset $2", "globex", 1, 1),
	of("select count(*) from usage where tenant = $1", int64(60), "acme"),
	of("select count(*) from usage where tenant = any($1)", int64(1), []string{"globex", "x"}),
	of("select count(*) from usage where revision <> all($1::bigint[])", int64(61), []int64{-1}),
	of("select count(*) from usage where window_start = any($1::timestamptz[])", int64(2), []time.Time{since}),
	of("select count(*) from usage where value > $1::numeric", int64(31), 30),
	of("select count(*) from usage where window_start >= $1 and final = $2", int64(31), since, false),
	of("select count(*) from meter_tokens where model like $1", int64(31), "sm%"),
	of("select $1::int", int32(41), 41),
	of("select $1::bigint", int64(1<<40), int64(1<<40)),
	of("select $1::float8", 1.5, 1.5),
	of("select $1::text", "it's", "it's"),
	of("select $1::bool", true, true),
	of("select $1::timestamptz", since, since),
	of("select $1::bytea", []byte{0, 1, 255}, []byte{0, 1, 255}),
	of("select $1::text[]", []string{"a,b", `c"d`}, []string{"a,b", `c"d`}),
	of("select $1::int[]", []int32{1, 2}, []int32{1, 2}),
	of("select array_agg(window_start) from usage where tenant = $1", []time.Time{since}, "globex"),
	of("select tenant || $1 from tenants where tenant = 'acme'", "acme's", "'s"),
}

// Reads one value into what `expect` is.
func one(ctx context.Context, conn *pgx.Conn, mode pgx.QueryExecMode, ask question) error {
	found := reflect.New(reflect.TypeOf(ask.expect))
	parameters := append([]any{mode}, ask.parameters...)
	if err := conn.QueryRow(ctx, ask.sql, parameters...).Scan(found.Interface()); err != nil {
		return fmt.Errorf("%v: %s: %w", mode, ask.sql, err)
	}
	value := found.Elem().Interface()
	equal := reflect.DeepEqual(value, ask.expect)
	switch times := value.(type) {
	case time.Time:
		equal = times.Equal(since)
	case []time.Time:
		equal = len(times) == 1 && times[0].Equal(since)
	}
	if !equal {
		return fmt.Errorf("%v: %s: %v", mode, ask.sql, value)
	}
	return nil
}

func answers(ctx context.Context, conn *pgx.Conn) (string, error) {
	for _, mode := range modes {
		// A statement that is known is asked again without a description.
		for range 2 {
			for _, ask := range questions {
				if err := one(ctx, conn, mode, ask); err != nil {
					return "", err
				}
			}
		}
	}
	return fmt.Sprintf("%d answers in %d modes", len(questions), len(modes)), nil
}

func rows(ctx context.Context, conn *pgx.Conn) (string, error) {
	type window struct {
		Tenant string
		Start  time.Time
		Value  pgtype.Numeric
	}
	found := 0
	for _, mode := range modes {
		sql := "select tenant, window_start, value from usage where tenant = $1 order by value desc limit 3"
		rows, err := conn.Query(ctx, sql, mode, "acme")
		if err != nil {
			return "", err
		}
		windows, err := pgx.CollectRows(rows, pgx.RowToStructByPos[window])
		if err != nil {
			return "", fmt.Errorf("%v: %w", mode, err)
		}
		largest, err := windows[0].Value.Float64Value()
		if err != nil || largest.Float64 != 60 || !windows[0].Start.Equal(since.Add(29*time.Minute)) {
			return "", fmt.Errorf("%v: %v %w", mode, windows, err)
		}
		found += len(windows)
	}
	return fmt.Sprintf("%d rows", found), nil
}

func batches(ctx context.Context, conn *pgx.Conn) (string, error) {
	batch := &pgx.Batch{}
	sum := 0
	for n := 1; n <= 20; n++ {
		batch.Queue("select $1::int + 1", n).QueryRow(func(row pgx.Row) error {
			var found int
			err := row.Scan(&found)
			sum += found
			return err
		})
	}
	if err := conn.SendBatch(ctx, batch).Close(); err != nil || sum != 230 {
		return "", fmt.Errorf("%d: %w", sum, err)
	}
	return fmt.Sprintf("%d statements", batch.Len()), nil
}

func failures(ctx context.Context, conn *pgx.Conn) (string, error) {
	refusals := []struct{ sql, state string }{
		{"select nothing from usage where tenant = $1", "42703"},
		{"delete from usage where tenant = $1", "25006"},
		{"select ($1 || 'x')::int", "22P02"},
	}
	for _, mode := range modes {
		for _, refused := range refusals {
			var refusal *pgconn.PgError
			_, err := conn.Exec(ctx, refused.sql, mode, "acme")
			if !errors.As(err, &refusal) || refusal.Code != refused.state {
				return "", fmt.Errorf("%v: %s: %w", mode, refused.sql, err)
			}
		}
	}
	return fmt.Sprintf("%d refusals", len(refusals)), nil
}

// More tasks than connections.
func pooled(ctx context.Context) (string, error) {
	config, err := pgxpool.ParseConfig("pool_max_conns=4")
	if err != nil {
		return "", err
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return "", err
	}
	defer pool.Close()
	failed := make(chan error)
	for n := range 40 {
		go func() {
			var value pgtype.Numeric
			sql := "select value from usage where value = $1::numeric and tenant = 'acme'"
			err := pool.QueryRow(ctx, sql, n+1).Scan(&value)
			if whole, wrong := value.Int64Value(); err == nil && (wrong != nil || whole.Int64 != int64(n+1)) {
				err = fmt.Errorf("%v is not %d", value, n+1)
			}
			failed <- err
		}()
	}
	for range 40 {
		err = errors.Join(err, <-failed)
	}
	return fmt.Sprintf("40 answers by %d connections", pool.Stat().TotalConns()), err
}

func main() {
	ctx := context.Background()
	// The host, the user and its key are taken from the environment.
	conn, err := pgx.Connect(ctx, "")
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close(ctx)
	for _, part := range []struct {
		name string
		run  func(context.Context, *pgx.Conn) (string, error)
	}{{"answers", answers}, {"rows", rows}, {"batches", batches}, {"failures", failures}} {
		told, err := part.run(ctx, conn)
		if err != nil {
			log.Fatalf("%s: %v", part.name, err)
		}
		fmt.Printf("%s: %s\n", part.name, told)
	}
	told, err := pooled(ctx)
	if err != nil {
		log.Fatalf("pooled: %v", err)
	}
	fmt.Printf("pooled: %s\n", told)
}
