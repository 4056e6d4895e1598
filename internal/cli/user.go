package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/term"

	"indaba/internal/app"
	"indaba/internal/core"
	"indaba/internal/user"
)

type userCommands struct {
	Create   userCreate   `cmd:"" help:"Add a user. The password is asked for, or read from standard input."`
	List     userList     `cmd:"" help:"List the users of an account."`
	Password userPassword `cmd:"" help:"Give a user a new password, asked for or read from standard input, and log him out everywhere."`
	Remove   userRemove   `cmd:"" help:"Remove a user, and log him out everywhere."`
}

// userView is a user as JSON.
type userView struct {
	ID        int64     `json:"id"`
	Email     string    `json:"email"`
	Name      string    `json:"name"`
	Nick      string    `json:"nick,omitempty"`
	Role      user.Role `json:"role"`
	CreatedAt time.Time `json:"created_at"`
}

func viewUser(u *user.User) userView {
	return userView{u.ID, u.Email, u.Name, u.Nick, u.Role, u.CreatedAt}
}

type userCreate struct {
	Email      string `arg:"" help:"The address to log in with."`
	Name       string `required:"" help:"The person's name."`
	Nick       string `help:"A short name."`
	Role       string `required:"" enum:"owner,admin,editor,agent,viewer" help:"One of ${enum}."`
	NoPassword bool   `help:"Set none: the user cannot log in until one is set."`
}

func (c *userCreate) Run(i *invocation) error {
	return i.inAccount(func(ctx context.Context, a *app.App, key string) error {
		spec := user.Spec{Account: key, Email: c.Email, Name: c.Name, Nick: c.Nick, Role: user.Role(c.Role)}
		if !c.NoPassword {
			var err error
			if spec.Password, err = i.password(); err != nil {
				return err
			}
		}
		u, err := a.Users.Create(ctx, spec)
		if err != nil {
			return err
		}
		return i.say(viewUser(u), "User %s has the number %d.", u.Email, u.ID)
	})
}

type userList struct{}

func (*userList) Run(i *invocation) error {
	return i.inAccount(func(ctx context.Context, a *app.App, key string) error {
		users, err := allUsers(ctx, a, key)
		if err != nil {
			return err
		}
		views, rows := make([]userView, len(users)), make([][]string, len(users))
		for n, u := range users {
			views[n] = viewUser(u)
			rows[n] = []string{strconv.FormatInt(u.ID, 10), u.Email, u.Name, string(u.Role), at(u.CreatedAt)}
		}
		return i.table(views, []string{"NUMBER", "E-MAIL", "NAME", "ROLE", "CREATED"}, rows)
	})
}

func allUsers(ctx context.Context, a *app.App, account string) (all []*user.User, err error) {
	for after := int64(0); ; {
		page, err := a.Users.List(ctx, account, after, user.MaxPage)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if len(page) < user.MaxPage {
			return all, nil
		}
		after = page[len(page)-1].ID
	}
}

type userPassword struct {
	User string `arg:"" name:"email" help:"The user's e-mail address or number."`
}

func (c *userPassword) Run(i *invocation) error {
	return i.inAccount(func(ctx context.Context, a *app.App, key string) error {
		u, err := findUser(ctx, a, key, c.User)
		if err != nil {
			return err
		}
		password, err := i.password()
		if err != nil {
			return err
		}
		if err := a.Users.SetPassword(ctx, key, u.ID, password); err != nil {
			return err
		}
		return i.say(viewUser(u), "User %s has a new password.", u.Email)
	})
}

type userRemove struct {
	User string `arg:"" name:"email" help:"The user's e-mail address or number."`
}

func (c *userRemove) Run(i *invocation) error {
	return i.inAccount(func(ctx context.Context, a *app.App, key string) error {
		u, err := findUser(ctx, a, key, c.User)
		if err != nil {
			return err
		}
		if err := a.Users.Remove(ctx, key, u.ID); err != nil {
			return err
		}
		return i.say(viewUser(u), "User %s is removed.", u.Email)
	})
}

func findUser(ctx context.Context, a *app.App, account, emailOrNumber string) (*user.User, error) {
	all, err := allUsers(ctx, a, account)
	if err != nil {
		return nil, err
	}
	for _, u := range all {
		if strings.EqualFold(u.Email, emailOrNumber) || strconv.FormatInt(u.ID, 10) == emailOrNumber {
			return u, nil
		}
	}
	return nil, core.Errorf(core.NotFound, "there is no user %s", emailOrNumber)
}

// password asks for a password twice on a terminal; otherwise it is the first line of standard input. It is never an
// argument: those can be seen by everybody on the machine.
func (i *invocation) password() (string, error) {
	if file, ok := i.stdin.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		first, err := i.ask(file, "Password: ")
		if err != nil {
			return "", err
		}
		second, err := i.ask(file, "Once more: ")
		if err == nil && first != second {
			err = errors.New("the two passwords differ: nothing was changed")
		}
		return first, err
	}
	return i.line("the password")
}

func (i *invocation) ask(file *os.File, prompt string) (string, error) {
	_, _ = fmt.Fprint(i.stderr, prompt)
	text, err := term.ReadPassword(int(file.Fd()))
	_, _ = fmt.Fprintln(i.stderr)
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	return string(text), nil
}

// line reads one line of standard input.
func (i *invocation) line(what string) (string, error) {
	text, err := bufio.NewReader(i.stdin).ReadString('\n')
	text = strings.TrimRight(text, "\r\n")
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read %s from standard input: %w", what, err)
	}
	if text == "" {
		return "", misused("standard input ended without %s", what)
	}
	return text, nil
}
