package cast

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// BucketConfig says where a bucket is, and who may write to it. Fields without a default are required.
type BucketConfig struct {
	Bucket      string
	Prefix      string // of all names, without slashes at its ends; default: none
	Endpoint    string // scheme and host of the store; default: Amazon's
	Region      string // default: the store is asked where that is Amazon, us-east-1 otherwise
	PathStyle   bool   // the bucket is in the path of addresses, not in the host's name
	Credentials string // file with a section [default] as Amazon's tools write it; default: the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY)

	transport http.RoundTripper // a test's own
}

const (
	bucketTimeout = 20 * time.Second // of one operation with all its tries
	bucketSlowest = 250_000          // bytes that a line takes in a second, for a file that needs more time than a segment
	bucketLong    = 2 * time.Minute  // of one that looks through all that is there
	bucketTries   = 3
	textsMost     = 16 << 20 // of a file that is read back
	removePasses  = 3        // others may write meanwhile, and a store may list late
)

// A bucket's name is part of an address.
var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// Check says what is wrong, without asking the store.
func (c BucketConfig) Check() error {
	if !bucketName.MatchString(c.Bucket) {
		return fmt.Errorf("%q is no name of a bucket: write s3://bucket or s3://bucket/prefix", c.Bucket)
	}
	if c.Prefix != "" && (path.Clean("/"+c.Prefix) != "/"+c.Prefix) {
		return fmt.Errorf("%q is no prefix: write one such as live or live/2027", c.Prefix)
	}
	u, err := url.Parse(c.endpoint())
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || strings.Trim(u.Path, "/") != "" {
		return fmt.Errorf("%q is no address of a store: write one such as https://s3.example.org", c.Endpoint)
	}
	return nil
}

func (c BucketConfig) endpoint() string {
	if c.Endpoint == "" {
		return "https://s3.amazonaws.com"
	}
	return c.Endpoint
}

// Bucket is a Store in a store that speaks S3, from which anybody may read. It tries a few times what fails, with a pause that grows.
type Bucket struct {
	client         *minio.Client
	bucket, prefix string
	idle           func() // closes connections that nobody uses
}

// NewBucket makes a store of a bucket. Nothing is asked of it yet: it may be away.
func NewBucket(cfg BucketConfig) (*Bucket, error) {
	err := cfg.Check()
	if err != nil {
		return nil, err
	}
	who, err := cfg.credentials()
	if err != nil {
		return nil, err
	}
	transport, idle := cfg.transport, func() {}
	if transport == nil {
		own := &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: 5 * time.Second}).DialContext, TLSHandshakeTimeout: 5 * time.Second,
			ResponseHeaderTimeout: 8 * time.Second, IdleConnTimeout: time.Minute, MaxIdleConnsPerHost: 16, DisableCompression: true,
		}
		transport, idle = own, own.CloseIdleConnections
	}
	u, err := url.Parse(cfg.endpoint())
	if err != nil {
		return nil, err
	}
	region, lookup := cfg.Region, minio.BucketLookupAuto
	if region == "" && cfg.Endpoint != "" {
		region = "us-east-1"
	}
	if cfg.PathStyle {
		lookup = minio.BucketLookupPath
	}
	client, err := minio.New(u.Host, &minio.Options{
		Creds: who, Secure: u.Scheme == "https", Region: region, BucketLookup: lookup, Transport: transport, MaxRetries: bucketTries,
	})
	if err != nil {
		return nil, fmt.Errorf("open the bucket: %w", err)
	}
	b := &Bucket{client: client, bucket: cfg.Bucket, idle: idle}
	if cfg.Prefix != "" {
		b.prefix = cfg.Prefix + "/"
	}
	return b, nil
}

// credentials are read each time that they may have changed.
func (c BucketConfig) credentials() (*credentials.Credentials, error) {
	who, where := credentials.NewEnvAWS(), "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a file"
	if c.Credentials != "" {
		who, where = credentials.NewFileAWSCredentials(c.Credentials, "default"), c.Credentials+" needs a section [default] with aws_access_key_id and aws_secret_access_key"
	}
	got, err := who.GetWithContext(nil)
	if err != nil {
		return nil, fmt.Errorf("read the key of the bucket: %w; %s", err, where)
	}
	if got.AccessKeyID == "" || got.SecretAccessKey == "" {
		return nil, errors.New("there is no key of the bucket: " + where)
	}
	return who, nil
}

// Close lets go of connections.
func (b *Bucket) Close() { b.idle() }

// mediaTypes are what is published, as an edge calls it.
var mediaTypes = map[string]string{
	".m3u8": "application/vnd.apple.mpegurl", ".m4s": "audio/mp4", ".mp4": "audio/mp4", ".m4a": "audio/x-m4a", ".json": "application/json", ".html": "text/html; charset=utf-8",
}

func (b *Bucket) key(name string) string { return b.prefix + name }

// Put implements Store.
func (b *Bucket) Put(ctx context.Context, name string, body []byte, keep string) error {
	ctx, cancel := context.WithTimeout(ctx, bucketTimeout+time.Duration(len(body)/bucketSlowest)*time.Second)
	defer cancel()
	_, err := b.client.PutObject(ctx, b.bucket, b.key(name), bytes.NewReader(body), int64(len(body)), minio.PutObjectOptions{
		ContentType: mediaTypes[path.Ext(name)], CacheControl: keep, DisableMultipart: true,
	})
	return b.told("write", name, err)
}

// Get implements Store.
func (b *Bucket) Get(ctx context.Context, name string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, bucketTimeout)
	defer cancel()
	object, err := b.client.GetObject(ctx, b.bucket, b.key(name), minio.GetObjectOptions{})
	if err != nil {
		return nil, b.told("read", name, err)
	}
	defer object.Close() //nolint:errcheck // it was only read
	body, err := io.ReadAll(io.LimitReader(object, textsMost))
	if isNone(err) {
		return nil, nil
	}
	return body, b.told("read", name, err)
}

// Has implements Store.
func (b *Bucket) Has(ctx context.Context, name string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, bucketTimeout)
	defer cancel()
	_, err := b.client.StatObject(ctx, b.bucket, b.key(name), minio.StatObjectOptions{})
	if isNone(err) {
		return false, nil
	}
	return err == nil, b.told("look for", name, err)
}

// List implements Store.
func (b *Bucket) List(ctx context.Context, dir string) (names []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, bucketLong)
	defer cancel()
	for o := range b.client.ListObjectsIter(ctx, b.bucket, minio.ListObjectsOptions{Prefix: b.key(dir), Recursive: true}) {
		if o.Err != nil {
			return nil, b.told("list", dir, o.Err)
		}
		names = append(names, strings.TrimPrefix(o.Key, b.prefix))
	}
	return names, nil
}

// Remove implements Store. In a bucket that keeps what was replaced, that is removed too: what was deleted is nowhere any more.
func (b *Bucket) Remove(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, bucketLong)
	defer cancel()
	for range removePasses {
		objects, err := b.versions(ctx, name)
		if err != nil {
			return b.told("list", name, err)
		}
		if len(objects) == 0 {
			return nil
		}
		err = b.remove(ctx, objects)
		if err != nil {
			return b.told("remove", name, err)
		}
	}
	left, err := b.versions(ctx, name)
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("%d are still listed, such as %s", len(left), left[0].Key)
	}
	return b.told("remove", name, err)
}

// versions are all objects of a name, and what was replaced or hidden of them. A store that knows no versions lists what there is.
func (b *Bucket) versions(ctx context.Context, name string) (all []minio.ObjectInfo, err error) {
	for _, versions := range []bool{true, false} {
		all, err = b.objects(ctx, name, versions)
		if code := minio.ToErrorResponse(err).Code; code != "NotImplemented" && code != "MethodNotAllowed" {
			break
		}
	}
	return all, err
}

func (b *Bucket) objects(ctx context.Context, name string, versions bool) (all []minio.ObjectInfo, err error) {
	key := b.key(name)
	for o := range b.client.ListObjectsIter(ctx, b.bucket, minio.ListObjectsOptions{Prefix: key, Recursive: true, WithVersions: versions}) {
		if o.Err != nil {
			return nil, o.Err
		}
		if o.Key == key || strings.HasSuffix(key, "/") { // of seg-1.m4s nothing else is meant
			all = append(all, o)
		}
	}
	return all, nil
}

func (b *Bucket) remove(ctx context.Context, objects []minio.ObjectInfo) error {
	each := func(yield func(minio.ObjectInfo) bool) {
		for _, o := range objects {
			if !yield(minio.ObjectInfo{Key: o.Key, VersionID: o.VersionID}) {
				return
			}
		}
	}
	results, err := b.client.RemoveObjectsWithIter(ctx, b.bucket, each, minio.RemoveObjectsOptions{})
	if err != nil {
		return err
	}
	var errs []error
	for r := range results {
		if r.Err != nil {
			errs = append(errs, r.Err)
		}
	}
	if len(errs) > 0 {
		return fmt.Errorf("%d of %d: %w", len(errs), len(objects), errs[0])
	}
	return nil
}

// isNone reports whether a store says that there is no such object. That there is no such bucket is another error.
func isNone(err error) bool {
	code := minio.ToErrorResponse(err).Code
	return err != nil && (code == minio.NoSuchKey || code == "NotFound")
}

func (b *Bucket) told(what, name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %s in bucket %s: %w", what, name, b.bucket, err)
}
