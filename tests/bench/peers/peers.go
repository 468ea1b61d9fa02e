// SPDX-License-Identifier: MIT

// peers.go - what vow_sync.c and vow_task.c measure, in Go, on one processor:
//
//	go run tests/bench/peers/peers.go
//
// Nanoseconds per operation, the best of fifty short runs.
package main

import (
	"fmt"
	"runtime"
	"sync"
	"time"
)

const rounds = 100000

func best(name string, work func(n int)) {
	least := time.Hour
	for i := 0; i < 50; i++ {
		start := time.Now()
		work(rounds)
		if took := time.Since(start); took < least {
			least = took
		}
	}
	fmt.Printf("%s\tGo\t%.2f\n", name, float64(least.Nanoseconds())/rounds)
}

var sum int

func mutex(n int) {
	var m sync.Mutex
	for i := 0; i < n; i++ {
		m.Lock()
		sum++
		m.Unlock()
	}
}

// A channel of tokens, as Go's programs have it: two of four at a time.
func semaphore(n int) {
	tokens := make(chan struct{}, 4)
	for i := 0; i < n; i++ {
		tokens <- struct{}{}
		tokens <- struct{}{}
		<-tokens
		<-tokens
	}
}

func channel(n int) {
	ch := make(chan int, 16)
	for i := 0; i < n; i++ {
		ch <- i
		sum += <-ch
	}
}

func channelFibers(n int) {
	ch := make(chan int)
	go func() {
		for i := 0; i < n; i++ {
			ch <- i
		}
		close(ch)
	}()
	for v := range ch {
		sum += v
	}
}

func spawn(n int) {
	done := make(chan int)
	for i := 0; i < n; i++ {
		go func() { done <- i }()
		sum += <-done
	}
}

func main() {
	runtime.GOMAXPROCS(1)
	best("mutex", mutex)
	best("semaphore", semaphore)
	best("channel", channel)
	best("channel_fibers", channelFibers)
	best("spawn", spawn)
}
