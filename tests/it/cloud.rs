//! Sources in object stores, over the network: a server on this machine that talks as S3 does, and as any web server.

#![allow(clippy::unwrap_used, clippy::panic)]

use crate::cli::{SEGUE, Said, files_below};
use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use datafusion::parquet::arrow::ArrowWriter;
use segue::demo::{DemoOptions, generate};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// Answers `GET`, `HEAD` and S3's list of objects below `/lake`, which is a folder.
struct Server {
    endpoint: String,
    asked: Arc<Mutex<Vec<String>>>,
    sent: Arc<AtomicU64>,
}

impl Server {
    /// Lets those in who bring a signature, where `keys` are asked for.
    fn new(folder: &Path, keys: bool) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (asked, sent) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<AtomicU64>::default());
        let server = Server { endpoint, asked: Arc::clone(&asked), sent: Arc::clone(&sent) };
        let folder = folder.to_path_buf();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (folder, asked, sent) = (folder.clone(), Arc::clone(&asked), Arc::clone(&sent));
                // Who hangs up is not answered.
                thread::spawn(move || talk(stream?, &folder, keys, &asked, &sent));
            }
        });
        server
    }

    fn segue(&self, who: &str, arguments: &[&str]) -> Said {
        let output = Command::new(SEGUE)
            .args(arguments)
            .envs([
                ("AWS_ENDPOINT", self.endpoint.as_str()),
                ("AWS_ALLOW_HTTP", "true"),
                ("AWS_REGION", "here"),
                ("AWS_ACCESS_KEY_ID", who),
                ("AWS_SECRET_ACCESS_KEY", "secret"),
            ])
            .output();
        Said::of(output.unwrap())
    }

    /// What is said to a question of a script of these lines.
    fn ask(&self, who: &str, script: &str, question: &str) -> Said {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.seg");
        fs::write(&path, script).unwrap();
        self.segue(who, &["ask", path.to_str().unwrap(), question, "--format", "csv", "-q"])
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

fn talk(
    stream: TcpStream,
    folder: &Path,
    keys: bool,
    asked: &Mutex<Vec<String>>,
    sent: &AtomicU64,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut out = stream;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let mut headers = Vec::new();
        loop {
            let mut header = String::new();
            reader.read_line(&mut header)?;
            if header.trim().is_empty() {
                break;
            }
            headers.push(header.trim().to_string());
        }
        let value = |name: &str| {
            let mut named = headers.iter().filter_map(|header| header.split_once(": "));
            named.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_string())
        };
        let (method, rest) = line.split_once(' ').unwrap();
        let target = rest.split(' ').next().unwrap();
        let range = value("range");
        asked.lock().unwrap().push(format!("{method} {target} {}", range.as_deref().unwrap_or("all")));
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let answer = if keys && !value("authorization").is_some_and(|a| a.contains("Credential=somebody/")) {
            Answer::no(
                "403 Forbidden",
                "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>",
            )
        } else if query.contains("list-type=2") {
            list(folder, query)
        } else if matches!(method, "GET" | "HEAD") {
            object(&folder.join(unescaped(path.strip_prefix("/lake/").unwrap_or("none"))), range.as_deref())
        } else {
            Answer::no("405 Method Not Allowed", "")
        };
        let Answer { status, headers, body, length } = answer;
        write!(out, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{headers}\r\n")?;
        if method != "HEAD" {
            sent.fetch_add(body.len() as u64, Ordering::Relaxed);
            out.write_all(&body)?;
        }
    }
}

struct Answer {
    status: &'static str,
    headers: String,
    body: Vec<u8>,
    length: u64,
}

impl Answer {
    fn no(status: &'static str, body: &str) -> Answer {
        Answer { status, headers: String::new(), body: body.into(), length: body.len() as u64 }
    }
}

fn object(path: &Path, range: Option<&str>) -> Answer {
    let Ok(mut file) = File::open(path) else { return Answer::no("404 Not Found", "") };
    if !path.is_file() {
        return Answer::no("404 Not Found", "");
    }
    let size = file.metadata().unwrap().len();
    // An answer has a version, of which lists say nothing, and whole seconds.
    let whole = format!(
        "ETag: \"{size}\"\r\nx-amz-version-id: 7\r\nLast-Modified: Sat, 31 Oct 2026 08:00:00 GMT\r\n"
    );
    let Some((from, to)) = range.and_then(|range| range.strip_prefix("bytes=")?.split_once('-')) else {
        let mut body = Vec::new();
        file.read_to_end(&mut body).unwrap();
        return Answer { status: "200 OK", headers: whole, body, length: size };
    };
    let last = |to: &str| to.parse().map_or(size - 1, |to: u64| to.min(size - 1));
    let (from, to) = match from {
        "" => (size - to.parse::<u64>().unwrap().min(size), size - 1),
        from => (from.parse().unwrap(), last(to)),
    };
    file.seek(SeekFrom::Start(from)).unwrap();
    let mut body = Vec::new();
    file.take(to + 1 - from).read_to_end(&mut body).unwrap();
    let headers = format!("{whole}Content-Range: bytes {from}-{to}/{size}\r\n");
    Answer { status: "206 Partial Content", headers, length: body.len() as u64, body }
}

/// Two objects at a time, so that lists are continued.
fn list(folder: &Path, query: &str) -> Answer {
    let value = |name: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(known, _)| *known == name).map(|(_, value)| unescaped(value))
    };
    let prefix = value("prefix").unwrap_or_default();
    let mut files = Vec::new();
    files_below(folder, &mut files);
    let name = |path: &PathBuf| path.strip_prefix(folder).unwrap().to_str().unwrap().to_string();
    let mut names: Vec<String> = files.iter().map(name).filter(|name| name.starts_with(&prefix)).collect();
    // What some tools put where a folder is.
    let folders = names.iter().filter_map(|name| Some(format!("{}/", name.rsplit_once('/')?.0)));
    names.extend(folders.filter(|folder| folder.starts_with(&prefix)).collect::<BTreeSet<_>>());
    names.sort();
    let from: usize = value("continuation-token").map_or(0, |token| token.parse().unwrap());
    let contents: String = names.iter().skip(from).take(2).map(|name| {
        let size = if name.ends_with('/') { 0 } else { fs::metadata(folder.join(name)).unwrap().len() };
        let name = name.replace('&', "&amp;");
        format!("<Contents><Key>{name}</Key><LastModified>2026-10-31T08:00:00.789Z</LastModified><ETag>{size}</ETag><Size>{size}</Size></Contents>")
    }).collect();
    let more = match names.len() > from + 2 {
        true => format!(
            "<IsTruncated>true</IsTruncated><NextContinuationToken>{}</NextContinuationToken>",
            from + 2
        ),
        false => "<IsTruncated>false</IsTruncated>".to_string(),
    };
    let body = format!(
        "<?xml version=\"1.0\"?><ListBucketResult><Name>lake</Name><Prefix>{prefix}</Prefix>{more}{contents}</ListBucketResult>"
    );
    Answer::no("200 OK", &body)
}

fn unescaped(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        let code = match (first, behind) {
            (b'%', [a, b, ..]) => u8::from_str_radix(std::str::from_utf8(&[*a, *b]).unwrap(), 16).ok(),
            _ => None,
        };
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { behind.get(2..).unwrap() } else { behind };
    }
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_bank_in_s3_gives_the_files_that_a_local_one_gives() {
    let bank = tempfile::tempdir().unwrap();
    generate(bank.path(), &DemoOptions { customers: 2_000, ..DemoOptions::default() }, &mut |_, _, _| {})
        .unwrap();
    let server = Server::new(bank.path(), true);
    let script = fs::read_to_string(bank.path().join("retail.seg")).unwrap();
    let sources = script.matches("from \"data/").count() + script.matches("\"data/").count();
    assert!(sources > 4, "{script}");
    let there = tempfile::tempdir().unwrap();
    let away = there.path().join("retail.seg");
    fs::write(&away, script.replace("\"data/", "\"s3://lake/data/")).unwrap();
    let run = |script: &Path, engine: &str, out: &Path| {
        let script = script.to_str().unwrap();
        let out = out.to_str().unwrap();
        let said = server.segue(
            "somebody",
            &["run", script, "--as-of", "2026-10-31", "--engine", engine, "--out", out, "-q"],
        );
        said.is(0, &[]);
        let mut files = Vec::new();
        files_below(Path::new(out), &mut files);
        files.retain(|file| !file.to_str().unwrap().ends_with(".json"));
        files.sort();
        let bytes = files.iter().map(|file| (file.file_name().unwrap().to_owned(), fs::read(file).unwrap()));
        bytes.collect::<Vec<_>>()
    };
    let out = || tempfile::tempdir().unwrap();
    let here = run(&bank.path().join("retail.seg"), "fold", out().path());
    assert!(!here.is_empty() && server.asked().is_empty());
    for engine in ["fold", "plain"] {
        assert!(run(&away, engine, out().path()) == here, "{engine}");
        let asked = server.asked();
        assert!(asked.iter().any(|line| line.contains("list-type=2")), "{asked:?}");
        // Parts of files alone are read of Parquet.
        let whole =
            |line: &&String| line.starts_with("GET") && line.contains(".parquet") && line.ends_with("all");
        assert_eq!(asked.iter().find(whole), None);
    }
}

#[test]
fn few_columns_are_few_bytes() {
    let folder = tempfile::tempdir().unwrap();
    // Digests do not get shorter: some megabytes of them lie between two columns of numbers.
    let digest = |i: i64| format!("{:x}", Sha256::digest(i.to_le_bytes()));
    let numbers = || Arc::new(Int64Array::from_iter_values(0..100_000)) as ArrayRef;
    let digests = Arc::new(StringArray::from_iter_values((0..100_000).map(digest))) as ArrayRef;
    let columns = [("id", numbers()), ("digest", digests), ("assets", numbers())];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let path = folder.path().join("people.parquet");
    let mut writer = ArrowWriter::try_new(File::create(&path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let server = Server::new(folder.path(), false);
    let script = "source people from \"s3://lake/*.parquet\" key id\nsegment rich where assets >= 99_000\n";
    let said = server.ask("somebody", script, "count rich");
    said.is(0, &[]);
    assert!(said.out.contains(",1000,100000,0,"), "{}", said.out);
    let (sent, size) = (server.sent.load(Ordering::Relaxed), fs::metadata(&path).unwrap().len());
    assert!(size > 6_000_000 && sent < 3_000_000, "{sent} of {size} bytes: {:?}", server.asked());
}

#[test]
fn a_web_server_is_a_store_of_single_files() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("people.csv"), "id,city\n1,北京\n2,上海\n3,北京\n").unwrap();
    let server = Server::new(folder.path(), false);
    let at = &server.endpoint;
    let ask = |file: &str| {
        let source = format!("source people from \"{at}/lake/{file}\" key id");
        server.ask("somebody", &format!("{source}\nsegment north where city = \"北京\"\n"), "count north")
    };
    let said = ask("people.csv");
    said.is(0, &[]);
    assert!(said.out.contains(",UTC,2,3,0,"), "{}", said.out);
    ask("pupils.csv").is(3, &["E0501", "pupils.csv"]);
    ask("*.csv").is(3, &["E0502", "*.csv cannot be read", "405 Method Not Allowed"]);
}

#[test]
fn what_a_store_refuses_is_said() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("people.csv"), "id\n1\n").unwrap();
    let server = Server::new(folder.path(), true);
    let script = "source people from \"s3://lake/people.csv\" key id\nsegment all_of_them where id > 0\n";
    let said = server.ask("nobody", script, "count all_of_them");
    said.is(3, &["E0502", "s3://lake/people.csv cannot be read", "403 Forbidden\n"]);
}
