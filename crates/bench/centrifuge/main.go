// A chat server on the library centrifuge, as small as its documentation suggests: what Trunkline's figures stand beside.
//
// Memory engine, HS256 tokens, one channel for each user and one for a group that it asks for, no history.
// Every setting that is not named here is the library's default.
package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/centrifugal/centrifuge"
)

// The header of every token here; another algorithm is another header.
type header struct {
	Algorithm string `json:"alg"`
}

// What a token says.
type claims struct {
	User    string `json:"sub"`
	Expires int64  `json:"exp"`
}

// What a client asks for when it connects.
type wish struct {
	Group string `json:"group"`
}

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "where to listen")
	secret := flag.String("secret", "", "the key of the tokens")
	flag.Parse()
	if err := serve(*listen, []byte(*secret)); err != nil {
		log.Fatal(err)
	}
}

func serve(address string, secret []byte) error {
	node, err := centrifuge.New(centrifuge.Config{})
	if err != nil {
		return err
	}
	node.OnConnecting(func(_ context.Context, event centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		claims, err := check(event.Token, secret)
		if err != nil {
			return centrifuge.ConnectReply{}, centrifuge.DisconnectInvalidToken
		}
		var wish wish
		if len(event.Data) > 0 {
			if err := json.Unmarshal(event.Data, &wish); err != nil {
				return centrifuge.ConnectReply{}, centrifuge.DisconnectBadRequest
			}
		}
		channels := map[string]centrifuge.SubscribeOptions{"user:" + claims.User: {}}
		if wish.Group != "" {
			channels["group:"+wish.Group] = centrifuge.SubscribeOptions{}
		}
		return centrifuge.ConnectReply{
			Credentials:   &centrifuge.Credentials{UserID: claims.User, ExpireAt: claims.Expires},
			Subscriptions: channels,
		}, nil
	})
	node.OnConnect(func(client *centrifuge.Client) {
		client.OnPublish(func(_ centrifuge.PublishEvent, answer centrifuge.PublishCallback) {
			answer(centrifuge.PublishReply{}, nil)
		})
	})
	if err := node.Run(); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	http.Handle("/connection/websocket", centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{}))
	fmt.Printf("READY %s\n", listener.Addr())
	return http.Serve(listener, nil)
}

func check(token string, secret []byte) (claims, error) {
	var found claims
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return found, errors.New("not a token")
	}
	var head header
	if err := decode(parts[0], &head); err != nil || head.Algorithm != "HS256" {
		return found, errors.New("not of our algorithm")
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return found, err
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(parts[0] + "." + parts[1]))
	if !hmac.Equal(signature, mac.Sum(nil)) {
		return found, errors.New("not signed by us")
	}
	if err := decode(parts[1], &found); err != nil {
		return found, err
	}
	if found.User == "" || found.Expires < time.Now().Unix() {
		return found, errors.New("expired, or nobody's")
	}
	return found, nil
}

func decode(part string, into any) error {
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}
