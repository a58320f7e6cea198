// Command kube is a Kubernetes control plane and an image registry in one static binary.
//
//	kube [--lifeline] COMPONENT [ARGS...]
//
// COMPONENT is etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kubectl or registry; its arguments are
// those of the program of that name. One binary because the components share nearly all of their code: together they
// compile and link in little more time than one of them.
//
// With --lifeline the process ends as soon as its standard input does. The launcher holds the other end of that pipe and
// never writes, so the operating system closes it however the launcher dies: nothing it started can outlive it.
package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	_ "time/tzdata" // CronJobs name time zones, and the machine need not have a table of them.

	"github.com/distribution/distribution/v3/registry"
	_ "github.com/distribution/distribution/v3/registry/auth/htpasswd"
	_ "github.com/distribution/distribution/v3/registry/auth/token"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/inmemory"
	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
)

// components maps a name to what runs it and returns its exit code. Every component reads os.Args, which by then looks
// as if it had been started under its own name.
var components = map[string]func() int{
	"etcd":                    func() int { etcdmain.Main(os.Args); return 0 },
	"kube-apiserver":          command(apiserver.NewAPIServerCommand),
	"kube-controller-manager": command(controllermanager.NewControllerManagerCommand),
	"kube-scheduler":          command(func() *cobra.Command { return scheduler.NewSchedulerCommand() }),
	"kubectl":                 runKubectl,
	"registry":                runRegistry,
}

func command(create func() *cobra.Command) func() int {
	return func() int { return cli.Run(create()) }
}

// kubectl words its errors and picks its exit codes in a way that cli.Run does not know.
func runKubectl() int {
	if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
		kubectlutil.CheckErr(err)
	}
	return 0
}

// The registry is not run by cli.Run: the flags that adds clash with the registry's own.
func runRegistry() int {
	if err := registry.RootCmd.Execute(); err != nil {
		return 1
	}
	return 0
}

func main() {
	args := os.Args[1:]
	if len(args) > 0 && args[0] == "--lifeline" {
		args = args[1:]
		go exitWithStdin()
	}
	if len(args) == 0 {
		usage()
	}
	run, known := components[args[0]]
	if !known {
		usage()
	}
	os.Args = args
	os.Exit(run())
}

func exitWithStdin() {
	_, _ = io.Copy(io.Discard, os.Stdin)
	fmt.Fprintln(os.Stderr, "kube: the launcher is gone, exiting")
	os.Exit(1)
}

func usage() {
	names := make([]string, 0, len(components))
	for name := range components {
		names = append(names, name)
	}
	slices.Sort(names)
	fmt.Fprintf(os.Stderr, "usage: kube [--lifeline] %s [ARGS...]\n", strings.Join(names, "|"))
	os.Exit(2)
}
