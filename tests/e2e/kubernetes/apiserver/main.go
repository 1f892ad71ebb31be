// A kube-apiserver: the module k8s.io/kubernetes holds its command, but one
// cannot `go install` it there, because the module replaces its dependencies.
package main

import (
	"os"

	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func main() {
	os.Exit(cli.Run(app.NewAPIServerCommand()))
}
