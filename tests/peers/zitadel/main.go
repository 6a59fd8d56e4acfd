// The example server of zitadel/oidc, on loopback, with everything in memory: refresh tokens rotate, and one that comes
// again is refused while its family lives on; a refresh ends the old access token. One JSON line on stdout says where it
// is. It ends with its stdin. Clients: `web` with the secret `secret`, and `native`, which has none. The one argument is
// the redirect URI of both.
package main

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	issuer := fmt.Sprintf("http://localhost:%d/", listener.Addr().(*net.TCPAddr).Port)
	storage.RegisterClients(
		storage.WebClient("web", "secret", os.Args[1]),
		storage.NativeClient("native", os.Args[1]),
	)
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	server := exampleop.SetupServer(issuer, storage.NewStorage(storage.NewUserStore(issuer)), quiet, false)
	fmt.Printf("{\"issuer\":%q}\n", issuer)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	panic(http.Serve(listener, server))
}
