// A goroutine blocks on stdin while a timer keeps ticking, which takes a non-blocking stdin and a poll on both.
package main

import (
	"bufio"
	"fmt"
	"os"
	"time"
)

func main() {
	lines := make(chan string)
	go func() {
		scanner := bufio.NewScanner(os.Stdin)
		for scanner.Scan() {
			lines <- scanner.Text()
		}
		close(lines)
	}()
	ticker := time.NewTicker(10 * time.Millisecond)
	ticks := 0
	for {
		select {
		case <-ticker.C:
			ticks++
			if ticks <= 3 {
				fmt.Println("tick", ticks)
			}
		case line, open := <-lines:
			if !open {
				fmt.Println("end after the third tick:", ticks >= 3)
				os.Exit(5)
			}
			fmt.Println("line", line)
		}
	}
}
