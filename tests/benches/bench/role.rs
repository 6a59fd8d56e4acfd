//! The parts that are processes of their own, so that what each uses can be told: this program, with a role.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use axum::Router;
use axum::routing::post;

use crate::bare;

/// A child that ends with this handle.
pub(crate) struct Role {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Role {
    pub(crate) fn start(args: &[&str]) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let mut child = command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, stdin, stdout }
    }

    /// Waits for the next line that it prints.
    pub(crate) fn says(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    /// Tells it to go on.
    pub(crate) fn go(&mut self) {
        writeln!(self.stdin).unwrap();
    }

    pub(crate) fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a child does; it ends when its parent does.
pub(crate) async fn play(role: &str, args: Vec<String>) {
    let (told, mut go) = tokio::sync::mpsc::channel(1);
    std::thread::spawn(move || {
        std::io::stdin().lines().map_while(Result::ok).for_each(|_| told.blocking_send(()).unwrap_or_default());
        std::process::exit(0);
    });
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match (role, args.as_slice()) {
        ("stub", []) => stub().await,
        ("publish", [amqp, redis, url]) => bare::publish(amqp, redis, url).await,
        ("rewrite", [redis, records]) => bare::rewrite(redis, records.parse().unwrap(), &mut go).await,
        _ => panic!("no such role"),
    }
}

/// A provider that takes every post.
async fn stub() {
    let answer = format!(r#"{{"id":"991","url":"http://127.0.0.1/991","text":"{}"}}"#, "p".repeat(250));
    let posted = move || async move { ([("content-type", "application/json")], answer) };
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    println!("http://{}", listener.local_addr().unwrap());
    let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, Router::new().route("/api/posts", post(posted))).await.unwrap();
}
