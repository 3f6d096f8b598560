package local

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"

	p "github.com/pulumi/pulumi-go-provider"
)

// run runs the command in a shell, in the folder and environment of the plugin, and returns what it printed, each
// without its last newline.
func run(ctx context.Context, inputs Inputs, old Outputs) (stdout, stderr string, err error) {
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", *inputs.Create)

	cmd.Env = os.Environ()
	if old.Stdout != "" {
		cmd.Env = append(cmd.Env, "PULUMI_COMMAND_STDOUT="+old.Stdout)
	}
	if old.Stderr != "" {
		cmd.Env = append(cmd.Env, "PULUMI_COMMAND_STDERR="+old.Stderr)
	}
	if inputs.Stdin != nil {
		cmd.Stdin = strings.NewReader(*inputs.Stdin)
	}

	// A cancelled update ends what the shell started too. Without its children's end Wait would go on waiting for their
	// output.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }

	var outBuffer, errBuffer bytes.Buffer
	both := transcript{line: p.GetLogger(ctx).InfoStatus}
	cmd.Stdout = io.MultiWriter(&outBuffer, &both)
	cmd.Stderr = io.MultiWriter(&errBuffer, &both)

	err = cmd.Run()
	both.end()
	if err != nil {
		return "", "", fmt.Errorf("%w: running %q:\n%s", err, *inputs.Create, both.text.String())
	}
	return strings.TrimSuffix(outBuffer.String(), "\n"), strings.TrimSuffix(errBuffer.String(), "\n"), nil
}

// transcript keeps stdout and stderr in the order in which they came, and hands on each line as soon as it is whole.
type transcript struct {
	lock   sync.Mutex // the two streams are copied at the same time
	text   bytes.Buffer
	handed int // how much of text was handed on
	line   func(string)
}

func (t *transcript) Write(chunk []byte) (int, error) {
	t.lock.Lock()
	defer t.lock.Unlock()
	t.text.Write(chunk)
	for {
		rest := t.text.Bytes()[t.handed:]
		length := bytes.IndexByte(rest, '\n')
		if length < 0 {
			return len(chunk), nil
		}
		t.line(string(rest[:length]))
		t.handed += length + 1
	}
}

// end hands on a last line that has no newline.
func (t *transcript) end() {
	if rest := t.text.Bytes()[t.handed:]; len(rest) > 0 {
		t.line(string(rest))
	}
}
