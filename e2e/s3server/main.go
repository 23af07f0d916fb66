// Command s3server is an S3 server on a folder for tests: Versity's gateway with its own signatures, versions and metadata, and without the
// clients of other clouds that its whole program has. It is a module of its own, so that the program depends on none of it.
//
//	s3server -listen 127.0.0.1:0 -root DIR [-versions DIR]
//
// It prints the address that it listens at. Access key and secret are "epidaurus" and "epidaurus-secret".
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/metrics"
	"github.com/versity/versitygw/s3api"
	"github.com/versity/versitygw/s3api/middlewares"
)

const (
	access = "epidaurus"
	secret = "epidaurus-secret"
	region = "us-east-1"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address to listen at")
	root := flag.String("root", "", "folder whose folders are the buckets")
	sidecar := flag.String("sidecar", "", "folder of metadata")
	versions := flag.String("versions", "", "folder of what was replaced, where buckets may have versions")
	flag.Parse()
	out := os.Stdout
	os.Stdout = os.Stderr // what the gateway says goes there
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, out, *listen, *root, *sidecar, *versions)
	if err != nil {
		fmt.Fprintln(os.Stderr, "s3server:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, listen, root, sidecar, versions string) error {
	metadata, err := meta.NewSideCar(sidecar) // a test's file system may have no extended attributes
	if err != nil {
		return fmt.Errorf("open the metadata: %w", err)
	}
	store, err := posix.New(root, metadata, posix.PosixOpts{SideCarDir: sidecar, VersioningDir: versions})
	if err != nil {
		return fmt.Errorf("open the folder: %w", err)
	}
	var none metrics.Manager
	owner := auth.Account{Access: access, Secret: secret, Role: auth.RoleAdmin}
	server, err := s3api.New(store, middlewares.RootUserConfig{Access: access, Secret: secret}, region, auth.NewIAMServiceSingle(owner), nil, nil, nil, none,
		s3api.WithQuiet(), s3api.WithKeepAlive(), s3api.WithConcurrencyLimiter(1000, 1000))
	if err != nil {
		return fmt.Errorf("make the server: %w", err)
	}
	address, err := free(listen)
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() { failed <- server.ServeMultiPort([]string{address}) }()
	fmt.Fprintln(out, address)
	select {
	case err = <-failed:
		return err
	case <-ctx.Done():
		return server.ShutDown()
	}
}

// free is an address whose port nobody has.
func free(listen string) (string, error) {
	ln, err := net.Listen("tcp", listen)
	if err != nil {
		return "", fmt.Errorf("find a port: %w", err)
	}
	return ln.Addr().String(), ln.Close()
}
