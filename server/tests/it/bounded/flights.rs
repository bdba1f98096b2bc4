//! Clients of Flight that do not read, bind too much, or send few bytes that mean many.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{
    ArrayRef, DictionaryArray, Int8Array, LargeListArray, NullArray, RecordBatch, StringArray, new_null_array,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Int8Type};
use arrow_flight::FlightDescriptor;
use arrow_flight::encode::{DictionaryHandling, FlightDataEncoderBuilder};
use arrow_flight::error::FlightError;
use arrow_flight::sql::client::FlightSqlServiceClient;
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::json;
use tonic::Code;
use tonic::transport::{Channel, Endpoint};

use super::Bounded;
use super::memory::eventually;

type Client = FlightSqlServiceClient<Channel>;

/// What a refused batch may have taken.
const GROWN_MB_MAX: f64 = 200.0;

fn client(bounded: &Bounded, key: &str) -> Client {
    let endpoint = Endpoint::from_shared(format!("http://{}", bounded.node.told("flight="))).unwrap();
    let _entered = bounded.runtime.enter();
    let mut client = FlightSqlServiceClient::new(endpoint.connect_lazy());
    client.set_token(key.to_owned());
    client
}

fn code<T>(done: Result<T, FlightError>) -> Result<T, Code> {
    done.map_err(|error| match error {
        FlightError::Tonic(status) => status.code(),
        other => panic!("{other:?}"),
    })
}

#[test]
fn who_does_not_read_over_flight_gives_way_at_the_deadline() {
    let settings = ["flight.address=127.0.0.1:0", "query.tenant_concurrency_max=1", "query.timeout_ms=2000"];
    let bounded = Bounded::start(&settings);
    let key = bounded.tenant("acme");
    let ask = || {
        let body = json!({"sql": "SELECT 1"}).to_string();
        bounded.node.send_as(&key, "POST", "/v1/sql", "application/json", body.as_bytes()).status
    };
    let mut client = client(&bounded, &key);
    let endless = "SELECT repeat('x', 1000) AS x FROM generate_series(1, 100000000)";
    let begun = Instant::now();
    let unread = bounded.runtime.block_on(async {
        let info = client.execute(endless.to_owned(), None).await?;
        client.do_get(info.endpoint[0].ticket.clone().unwrap()).await
    });
    let unread = unread.unwrap();
    assert_eq!(bounded.node.metric("tenantry_statements_running"), Some(1.0));
    std::thread::sleep(Duration::from_secs(3));
    eventually("the permit is given back", || ask() == 200);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    eventually("its memory is given back", || bounded.node.metric("tenantry_memory_statements_bytes") == Some(0.0));
    let ended = bounded.runtime.block_on(unread.try_collect::<Vec<_>>());
    assert_eq!(code(ended).unwrap_err(), Code::DeadlineExceeded, "who reads at last is told");
}

#[test]
fn parameters_of_many_bytes_are_refused() {
    let bounded = Bounded::start(&["flight.address=127.0.0.1:0", "flight.parameters_bytes_max=1000000"]);
    let key = bounded.tenant("acme");
    let mut client = client(&bounded, &key);
    let mut bound = |values: ArrayRef| {
        code(bounded.runtime.block_on(async {
            let mut prepared = client.prepare("SELECT length($1::text) AS n".to_owned(), None).await?;
            prepared.set_parameters(RecordBatch::try_from_iter([("1", values)])?)?;
            let info = prepared.execute().await?;
            let rows = client.do_get(info.endpoint[0].ticket.clone().unwrap()).await?;
            rows.try_collect::<Vec<_>>().await
        }))
    };
    let text = |letters: usize| Arc::new(StringArray::from(vec!["x".repeat(letters)])) as ArrayRef;
    assert_eq!(bound(text(900_000)).unwrap()[0].num_rows(), 1);
    assert_eq!(bound(text(1_100_000)).unwrap_err(), Code::OutOfRange);
    assert_eq!(bound(Arc::new(StringArray::from(vec!["a", "b"]))).unwrap_err(), Code::InvalidArgument, "two rows");
}

/// Sends one batch of one event whose member `x` is `values`.
fn put(bounded: &Bounded, client: &mut Client, values: ArrayRef) -> Result<Vec<String>, Code> {
    let text = |text: &str| Arc::new(StringArray::from(vec![text])) as ArrayRef;
    let columns = [("id", text("1")), ("source", text("s")), ("type", text("t")), ("x", values)];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let descriptor = FlightDescriptor::new_path(vec!["events".to_owned()]);
    let messages = FlightDataEncoderBuilder::new()
        .with_flight_descriptor(Some(descriptor))
        .with_dictionary_handling(DictionaryHandling::Resend)
        .build(stream::iter([Ok(batch)]))
        .map(|message| message.unwrap());
    code(bounded.runtime.block_on(async {
        let answers: Vec<_> = client.do_put(messages).await?.try_collect().await?;
        Ok(answers.iter().map(|answer| String::from_utf8_lossy(&answer.app_metadata).into_owned()).collect())
    }))
}

fn list(items: ArrayRef) -> ArrayRef {
    let field = Arc::new(Field::new("item", items.data_type().clone(), true));
    let offsets = OffsetBuffer::new(vec![0, items.len() as i64].into());
    Arc::new(LargeListArray::new(field, offsets, items, None))
}

#[test]
fn few_bytes_that_mean_many_are_refused_before_they_are_written_out() {
    let bounded = Bounded::start(&["flight.address=127.0.0.1:0"]);
    let key = bounded.tenant("acme");
    let mut client = client(&bounded, &key);
    assert!(put(&bounded, &mut client, list(Arc::new(NullArray::new(10)))).unwrap()[0].contains("\"admitted\":1"));
    let before_mb = bounded.peak_mb();
    let long = Arc::new(StringArray::from(vec!["y".repeat(100_000)]));
    let codes = Int8Array::from(vec![0; 1_000_000]);
    let repeated: ArrayRef = Arc::new(DictionaryArray::<Int8Type>::new(codes, long));
    let many = [
        list(Arc::new(NullArray::new(200_000_000))),
        list(Arc::new(NullArray::new(1 << 50))),
        list(list_of_lists()),
        list(repeated),
    ];
    for values in many {
        let shape = values.data_type().clone();
        // A row that is too large is rejected, a batch that is too large refused.
        let told = put(&bounded, &mut client, values);
        let is_refused = match &told {
            Ok(answers) => answers.iter().all(|answer| answer.contains("\"admitted\":0")),
            Err(code) => [Code::OutOfRange, Code::InvalidArgument].contains(code),
        };
        assert!(is_refused, "{shape}: {told:?}");
        let grown_mb = bounded.peak_mb() - before_mb;
        assert!(grown_mb < GROWN_MB_MAX, "{shape}: memory {grown_mb:+.0} MB");
        assert_eq!(bounded.node.get("/healthz").status, 200, "{shape}");
    }
}

/// One list of 50 million nulls in each of two levels.
fn list_of_lists() -> ArrayRef {
    let inner = list(new_null_array(&DataType::Null, 50_000_000));
    list(inner)
}
