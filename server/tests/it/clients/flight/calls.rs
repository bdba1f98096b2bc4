//! The door's own rules, call by call, with the Flight SQL client of `arrow-flight`.

use std::sync::Arc;

use actors::Command;
use actors::facets::keys::KeysCommand;
use arrow::array::{ArrayRef, AsArray, LargeListArray, NullArray, RecordBatch, StringArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use arrow::ipc::writer::IpcWriteOptions;
use arrow_flight::encode::FlightDataEncoderBuilder;
use arrow_flight::error::FlightError;
use arrow_flight::sql::client::FlightSqlServiceClient;
use arrow_flight::sql::{ProstMessageExt, TicketStatementQuery};
use arrow_flight::{FlightData, FlightDescriptor, PutResult, SchemaAsIpc, Ticket};
use futures::{TryStreamExt, stream};
use prost::Message;
use tonic::Code;
use tonic::transport::{Channel, Endpoint};

use super::house::House;
use crate::damage::damage_the_journal;

type Client = FlightSqlServiceClient<Channel>;

async fn client(house: &House, key: &str) -> Client {
    let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{}", house.port())).unwrap();
    let mut client = Client::new(endpoint.connect().await.unwrap());
    client.set_token(key.to_owned());
    client
}

async fn ticket(client: &mut Client, sql: &str) -> Result<Ticket, FlightError> {
    let info = client.execute(sql.to_owned(), None).await?;
    Ok(info.endpoint[0].ticket.clone().unwrap())
}

async fn rows(client: &mut Client, ticket: Ticket) -> Result<Vec<RecordBatch>, FlightError> {
    client.do_get(ticket).await?.try_collect().await
}

async fn count(client: &mut Client, sql: &str) -> Result<i64, FlightError> {
    let ticket = ticket(client, sql).await?;
    let batches = rows(client, ticket).await?;
    Ok(batches[0].column(0).as_primitive::<Int64Type>().value(0))
}

fn code<T: std::fmt::Debug>(outcome: Result<T, FlightError>) -> Code {
    match outcome.unwrap_err() {
        FlightError::Tonic(status) => status.code(),
        other => panic!("{other}"),
    }
}

const EVENTS: &str = "select count(*) from events";

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_gives_its_bearer_no_rows_of_others() {
    let house = House::open(&[]).await;
    house.fill("acme", 3);
    house.fill("globex", 5);
    let mut acme = client(&house, &house.key("acme", 1).await).await;
    let mut globex = client(&house, &house.key("globex", 2).await).await;
    let stolen = ticket(&mut acme, EVENTS).await.unwrap();
    let batches = rows(&mut globex, stolen).await.unwrap();
    assert_eq!(batches[0].column(0).as_primitive::<Int64Type>().value(0), 5);

    let platform_only =
        ticket(&mut client(&house, &house.platform(3).await).await, "select * from engine_shards").await;
    assert_eq!(code(rows(&mut acme, platform_only.unwrap()).await), Code::InvalidArgument);
    let noise = TicketStatementQuery { statement_handle: vec![0xff; 9].into() };
    assert_eq!(code(rows(&mut acme, Ticket::new(noise.as_any().encode_to_vec())).await), Code::InvalidArgument);
    house.serving.drain().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_journal_is_data_loss_and_no_empty_audit() {
    let house = House::open(&[]).await;
    let mut client = client(&house, &house.platform(1).await).await;
    let audit = "select count(*) from audit where tenant <> ''";
    assert!(count(&mut client, audit).await.unwrap() >= 3);
    let segment = damage_the_journal(&house.folder.path().join("node"), "globex");
    let ticket = ticket(&mut client, audit).await.unwrap();
    let FlightError::Tonic(status) = rows(&mut client, ticket).await.unwrap_err() else { panic!("no status") };
    assert!(status.code() == Code::DataLoss && status.message().contains(&segment), "{status}");
    house.serving.drain().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_is_refused_at_its_next_call() {
    let house = House::open(&[]).await;
    let key = house.key("acme", 1).await;
    let mut client = client(&house, &key).await;
    let ticket = ticket(&mut client, EVENTS).await.unwrap();
    assert_eq!(count(&mut client, EVENTS).await.unwrap(), 0);
    let id = key.split('_').nth(1).unwrap().to_owned();
    house.serving.node.command("acme", Command::Keys(KeysCommand::Revoke { id }), "test").await.unwrap();
    assert_eq!(code(rows(&mut client, ticket).await), Code::Unauthenticated);
    assert_eq!(code(count(&mut client, EVENTS).await), Code::Unauthenticated);
    house.serving.drain().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_has_its_time_whether_it_is_read_or_not() {
    let limits = [("query.timeout_ms", "1000"), ("query.tenant_concurrency_max", "1")];
    let house = House::open(&limits).await;
    let mut client = client(&house, &house.key("acme", 1).await).await;
    let endless = "select count(*) from generate_series(1, 100000000000) a";
    assert_eq!(code(count(&mut client, endless).await), Code::DeadlineExceeded);

    // More than sockets and queues hold, so that it waits for its reader.
    let large = "select repeat('x', 1000) || cast(value as varchar) from generate_series(1, 1000000) AS value";
    let ticket = ticket(&mut client, large).await.unwrap();
    let mut unread = client.do_get(ticket).await.unwrap();
    assert!(unread.try_next().await.unwrap().is_some());
    let waits = tokio::time::timeout(std::time::Duration::from_millis(100), count(&mut client, EVENTS)).await;
    assert!(waits.is_err(), "it is not its turn while the other has one");
    let until_free = async {
        while count(&mut client, EVENTS).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), until_free).await.unwrap();
    assert_eq!(code(unread.try_collect::<Vec<_>>().await), Code::DeadlineExceeded);
    house.serving.drain().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_crosses_no_open_network() {
    // Which address this machine has for others; nothing is sent.
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    let own = socket.connect("192.0.2.1:9").and_then(|()| socket.local_addr());
    let Some(own) = own.ok().map(|own| own.ip()).filter(|own| !own.is_loopback() && !own.is_unspecified()) else {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "this machine has no address but its own and CI=true");
        eprintln!("skipped: this machine has no address but its own");
        return;
    };
    // Without the option the door does not open (`doors`).
    let house = House::open(&[("flight.address", "0.0.0.0:0"), ("flight.plaintext_remote", "true")]).await;
    let endpoint = Endpoint::from_shared(format!("http://{own}:{}", house.port())).unwrap();
    let mut client = Client::new(endpoint.connect().await.unwrap());
    client.set_token(house.key("acme", 1).await);
    assert_eq!(count(&mut client, EVENTS).await.unwrap(), 0);
    house.serving.drain().await.unwrap();
}

/// Takes the key that [`House::key`] made with `number` away.
async fn revoke(house: &House, number: u8) {
    let (key, _) = actors::api_key::ApiKey::generate([number; 8], [number; 32]);
    let revoke = Command::Keys(KeysCommand::Revoke { id: key.id });
    house.serving.node.command("acme", revoke, "test").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_revoked_ends_its_streams() {
    let house = House::open(&[]).await;
    let mut producer = client(&house, &house.key("acme", 1).await).await;
    let (mut sender, receiver) = futures::channel::mpsc::channel(4);
    let mut to_events = FlightData::from(SchemaAsIpc::new(&Schema::empty(), &IpcWriteOptions::default()));
    to_events.flight_descriptor = Some(FlightDescriptor::new_path(vec!["events".into()]));
    sender.try_send(to_events).unwrap();
    let answers = producer.do_put(receiver).await.unwrap();
    let mut reader = client(&house, &house.key("acme", 2).await).await;
    let endless = "select value, repeat('x', 100) as text from generate_series(1, 1000000000) AS value";
    let ticket = ticket(&mut reader, endless).await.unwrap();
    let mut rows = reader.do_get(ticket).await.unwrap();
    assert!(rows.try_next().await.unwrap().is_some());
    revoke(&house, 1).await;
    revoke(&house, 2).await;
    let ended = async {
        let sent = answers.try_collect::<Vec<_>>().await.unwrap_err();
        let read = rows.try_for_each(|_| std::future::ready(Ok(()))).await;
        (sent.code(), code(read))
    };
    let ended = tokio::time::timeout(std::time::Duration::from_secs(5), ended).await.expect("within a second or so");
    assert_eq!(ended, (Code::Unauthenticated, Code::Unauthenticated));
    drop(sender);
    house.serving.drain().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_of_events_have_their_number() {
    let house = House::open(&[("flight.tenant_puts_max", "1")]).await;
    let mut client = client(&house, &house.key("acme", 1).await).await;
    let (mut sender, receiver) = futures::channel::mpsc::channel(4);
    let mut to_events = FlightData::from(SchemaAsIpc::new(&Schema::empty(), &IpcWriteOptions::default()));
    to_events.flight_descriptor = Some(FlightDescriptor::new_path(vec!["events".into()]));
    sender.try_send(to_events.clone()).unwrap();
    let open = client.do_put(receiver).await.unwrap();
    let second = client.do_put(stream::iter([to_events.clone()])).await;
    assert_eq!(code(second.map(|_| ())), Code::ResourceExhausted);
    drop((sender, open));
    let until_free = async { while client.do_put(stream::iter([to_events.clone()])).await.is_err() {} };
    tokio::time::timeout(std::time::Duration::from_secs(30), until_free).await.unwrap();
    house.serving.drain().await.unwrap();
}

/// A few hundred bytes that mean gigabytes.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_held_to_what_it_means() {
    let house = House::open(&[]).await;
    let mut client = client(&house, &house.key("acme", 1).await).await;
    let put = async |client: &mut Client, items: i64| {
        let text = |text: &str| Arc::new(StringArray::from(vec![text])) as ArrayRef;
        let item = Arc::new(Field::new("item", DataType::Null, true));
        let nulls = Arc::new(NullArray::new(usize::try_from(items).unwrap()));
        let list = LargeListArray::new(item, OffsetBuffer::new(vec![0, items].into()), nulls, None);
        let columns =
            [("id", text("1")), ("source", text("/s")), ("type", text("t")), ("x", Arc::new(list) as ArrayRef)];
        let messages = FlightDataEncoderBuilder::new()
            .with_flight_descriptor(Some(FlightDescriptor::new_path(vec!["events".into()])))
            .build(stream::iter([Ok(RecordBatch::try_from_iter(columns).unwrap())]));
        let messages: Vec<FlightData> = messages.try_collect().await?;
        let answer: Vec<PutResult> = client.do_put(stream::iter(messages)).await?.try_collect().await?;
        Ok::<_, FlightError>(String::from_utf8_lossy(&answer[0].app_metadata).into_owned())
    };
    match put(&mut client, 1 << 26).await.unwrap_err() {
        FlightError::Tonic(status) => assert!(status.message().contains("134217728 are taken"), "{status}"),
        other => panic!("{other}"),
    }
    let alone = put(&mut client, 100_000).await.unwrap();
    assert!(alone.contains("\"rejected\":1") && alone.contains("too_large"), "{alone}");
    let fits = put(&mut client, 1000).await.unwrap();
    assert!(fits.contains("\"admitted\":1"), "{fits}");
    house.serving.drain().await.unwrap();
}
