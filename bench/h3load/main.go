// Requests over HTTP/3 in number, as h2load makes them over HTTP/1.1 and 2: each client has a
// connection of its own and asks again as soon as it is answered. It prints a line for each request,
// as h2load's --log-file has it: when it was sent and how long it took, in microseconds, with its
// status between them; the status is 0 where nothing came.
package main

import (
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

func main() {
	requests := flag.Int64("requests", 8000, "how many, of all clients together")
	clients := flag.Int("clients", 16, "how many ask at once")
	address := flag.String("address", "", "whom to ask, whatever the URL says: ip:port")
	flag.Parse()

	var left atomic.Int64
	left.Store(*requests)
	answers := make(chan string, *requests)
	began := time.Now()
	var asking sync.WaitGroup
	for range *clients {
		asking.Go(func() {
			client := connection(*address)
			defer client.Close()
			for left.Add(-1) >= 0 {
				sent := time.Now()
				status := ask(client, flag.Arg(0))
				answers <- fmt.Sprintf("%d\t%d\t%d",
					sent.Sub(began).Microseconds(), status, time.Since(sent).Microseconds())
			}
		})
	}
	asking.Wait()
	close(answers)
	for answer := range answers {
		fmt.Println(answer)
	}
}

// connection reaches one address, and verifies no certificate, as h2load doesn't.
func connection(address string) *http3.Transport {
	return &http3.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		Dial: func(ctx context.Context, _ string, t *tls.Config, q *quic.Config) (*quic.Conn, error) {
			return quic.DialAddrEarly(ctx, address, t, q)
		},
	}
}

func ask(client *http3.Transport, url string) int {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0
	}
	answer, err := client.RoundTrip(request)
	if err != nil {
		return 0
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return 0
	}
	return answer.StatusCode
}
