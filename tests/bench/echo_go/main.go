// A peer of the pair: echo in Go, a goroutine per connection, the standard library alone.
//
//	echo_go server PORT
//	echo_go client PORT CONNECTIONS SECONDS BYTES
//
// The client prints one JSON line as bare_uring does. Both end by themselves or by a signal.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync/atomic"
	"time"
)

func fail(err error) {
	fmt.Fprintln(os.Stderr, "echo_go:", err)
	os.Exit(1)
}

func number(text string) int {
	value, err := strconv.Atoi(text)
	if err != nil {
		fail(err)
	}
	return value
}

func echo(connection net.Conn) {
	defer connection.Close()
	buffer := make([]byte, 4096)
	for {
		count, err := connection.Read(buffer)
		if err != nil {
			return
		}
		if _, err := connection.Write(buffer[:count]); err != nil {
			return
		}
	}
}

func serve(port string) {
	listener, err := net.Listen("tcp4", "127.0.0.1:"+port)
	if err != nil {
		fail(err)
	}
	fmt.Printf("listening on 127.0.0.1:%s\n", port)
	for {
		connection, err := listener.Accept()
		if err != nil {
			fail(err)
		}
		go echo(connection) // TCP_NODELAY is Go's default
	}
}

func play(connection net.Conn, bytes int, count *int64) {
	buffer := make([]byte, bytes)
	buffer[0], buffer[1], buffer[2] = byte(bytes), byte(bytes>>8), 1
	for {
		if _, err := connection.Write(buffer); err != nil {
			fail(err)
		}
		if _, err := io.ReadFull(connection, buffer); err != nil {
			fail(err)
		}
		atomic.AddInt64(count, 1)
	}
}

func main() {
	if len(os.Args) == 3 && os.Args[1] == "server" {
		serve(os.Args[2])
	}
	if len(os.Args) != 6 || os.Args[1] != "client" {
		fmt.Fprintln(os.Stderr, "usage: echo_go server PORT\n"+
			"       echo_go client PORT CONNECTIONS SECONDS BYTES")
		os.Exit(2)
	}
	connections := make([]net.Conn, number(os.Args[3]))
	for i := range connections {
		connection, err := net.Dial("tcp4", "127.0.0.1:"+os.Args[2])
		if err != nil {
			fail(err)
		}
		connections[i] = connection
	}
	var count int64
	start := time.Now()
	for _, connection := range connections {
		go play(connection, number(os.Args[5]), &count)
	}
	time.Sleep(time.Duration(number(os.Args[4])) * time.Second)
	seconds := time.Since(start).Seconds()
	fmt.Printf("{\"round_trips_per_s\": %.1f, \"seconds\": %.3f}\n",
		float64(atomic.LoadInt64(&count))/seconds, seconds)
}
